#include "engine/description.h"

#include <fcntl.h>
#include <linux/kcmp.h>

#include <algorithm>

#include "base/scope_guard.h"
#include "engine/time_envelope.h"
#include "graph/tree.pb.h"
#include "kernel/calls.h"
#include "resources/files/external.pb.h"
#include "resources/outside_peers.h"
#include "resources/unsupported_object.h"

namespace cairn::engine {

using resources::Level;
using resources::TaskView;

namespace {

constexpr size_t kSlots = 64;  // tasks of one process whose batches run at once

std::string name_of(const kernel::ProcDir& process) {
  std::string comm = process.try_read("comm").value_or("?");
  if (comm.ends_with('\n')) comm.pop_back();
  return fmt::format("process {} ({})", process.pid().value, comm);
}

std::string name_of(const tracee::HoldProblem& problem) {
  auto proc = kernel::ProcDir::open(problem.process);
  std::string process = proc ? name_of(*proc) : fmt::format("process {} (?)", problem.process.value);
  return problem.thread == problem.process ? process : fmt::format("{}: thread {}", process, problem.thread.value);
}

int kcmp_type(Level level) {
  switch (level) {
    case Level::kMm:
      return KCMP_VM;
    case Level::kFiles:
      return KCMP_FILES;
    case Level::kFs:
      return KCMP_FS;
    default:
      return KCMP_SIGHAND;
  }
}

}  // namespace

// Among the names of descriptors stands what is to become of peers outside.
void Description::choose_rule_for_peers() {
  int chosen = 0;
  for (const auto& [name, rule] : resources::OutsidePeers::kNames) {
    if (external_.erase(std::string(name)) == 0) continue;
    once<resources::OutsidePeers>().rule = rule;
    ++chosen;
  }
  if (chosen > 1) throw Error("--external names more than one rule for peers outside the tree", Failure::kUsage);
}

void Description::describe() {
  choose_rule_for_peers();
  for (const tracee::HoldProblem& problem : hold_.problems()) {
    obstacles_.push_back({name_of(problem), problem.reason, problem.remedy, "held tasks", problem.passes});
    unheld_.insert(problem.thread);
  }
  if (is_root_unheld()) return;
  auto is_unheld = [this](const tracee::Task& task) { return unheld_.contains(task.thread()); };
  moment_ = moment_of(hold_.processes().front().pid);
  number_records();
  for (const std::string& point : surroundings_->added_mounts()) {
    obstacles_.push_back({"mount namespace", fmt::format("something is mounted on {}, for the tree only", point),
                          fmt::format("unmount it, or mount it for all: umount {}", point), "namespaces"});
  }
  for (tracee::HeldProcess& process : hold_.processes()) {
    resources::Place place(*this, name_of(process.proc));
    describe_skeleton(process);
    if (!process.tasks.empty() && process.dead_leader.empty()) {
      check_namespaces(process);
      if (std::ranges::none_of(process.tasks, is_unheld)) describe_process(process);
    }
  }
  check_external_names();
  run_judgements();
}

// A name that was mistyped must not go unnoticed.
void Description::check_external_names() {
  std::set<std::string> unknown = external_;
  for (const auto& [id, record] : records_.all())
    if (&record.state.schema() == &image::External::schema()) unknown.erase(record.as<image::External>().name());
  for (const std::string& name : unknown)
    obstacles_.push_back({"--external " + name, "no descriptor of the tree has this name",
                          "take the name from /proc/PID/fd", "external ends"});
}

// Ids are given out in tree order before anything is described, so that any record can name any process or task.
void Description::number_records() {
  surroundings_.emplace(hold_.processes().front().pid);
  if (surroundings_->has_init()) order_by_numbers();
  for (tracee::HeldProcess& process : hold_.processes()) {
    RecordId id = processes_[process.pid] = records_.reserve();
    if (!root_) root_ = id;
    if (process.zombie) tasks_[process.pid] = records_.reserve();
    for (tracee::Task& task : process.tasks) tasks_[task.thread()] = records_.reserve();
  }
}

// Parents before children, and else in the order of the ids that the tree knows, which stay the same.
void Description::order_by_numbers() {
  std::vector<tracee::HeldProcess>& processes = hold_.processes();
  for (const tracee::HeldProcess& process : processes) learn_numbers(process);
  std::set<HostPid> unplaced;
  for (const tracee::HeldProcess& process : processes) unplaced.insert(process.pid);
  for (size_t place = 0; place < processes.size(); ++place) {
    auto rank = [&](const tracee::HeldProcess& process) {
      return std::pair(unplaced.contains(process.parent), number_of(process.pid));
    };
    auto next = std::ranges::min_element(processes.begin() + static_cast<ptrdiff_t>(place), processes.end(), {}, rank);
    unplaced.erase(next->pid);
    std::swap(processes[place], *next);
  }
}

void Description::learn_numbers(const tracee::HeldProcess& process) {
  kernel::Stat stat = process.proc.stat();
  kernel::NamespaceIds ids = kernel::innermost_ids(process.proc.status());
  numbers_[process.pid] = ids.process;
  numbers_[{stat.group()}] = ids.group;
  numbers_[{stat.session()}] = ids.session;
  for (const tracee::Task& task : process.tasks) {
    auto thread = kernel::ProcDir::open(process.pid, task.thread());
    if (thread) numbers_[task.thread()] = kernel::innermost_ids(thread->status()).thread;
  }
}

// The number by which the tree itself knows a process, thread, group or session.
NamespacePid Description::number_of(HostPid id) const {
  auto place = numbers_.find(id);
  return place == numbers_.end() ? NamespacePid{id.value} : place->second;
}

void Description::describe_skeleton(tracee::HeldProcess& process) {
  kernel::Stat stat = process.proc.stat();
  RecordId id = processes_.at(process.pid);
  auto state = std::make_unique<image::Process>();
  state->set_life(process.zombie ? image::Process::ZOMBIE : image::Process::ALIVE);
  state->set_pid(number_of(process.pid).value);
  if (id != root_) state->mutable_parent()->set_id(this->process(process.parent).value);
  describe_ids(stat, *state, id == root_);
  state->set_exit_signal(static_cast<int>(stat.field(38)));
  if (process.zombie) describe_death(process, stat, *state);
  if (process.zombie && id == root_) {
    obstacle("it is a zombie: it has exited, and its parent has not waited for it",
             "nothing is left of it but its exit status; let its parent take that (wait)", "zombies");
  }
  if (!process.dead_leader.empty()) {
    obstacle("its first thread has exited while others live", "let the first thread wait for the others",
             "dead leaders");
  }
  bool is_alive = !process.zombie;
  records_.add(id, {}, std::move(state));
  if (!is_alive) {
    describe_dead(process.pid.value, id, tasks_.at(process.pid));
    return describe_remains(process.proc, id, tasks_.at(process.pid));
  }
  for (tracee::Task& task : process.tasks) {
    auto skeleton = std::make_unique<image::Task>();
    skeleton->set_tid(number_of(task.thread()).value);
    skeleton->mutable_process()->set_id(id.value);
    skeleton->mutable_mm()->set_id(structure_of(process, task, Level::kMm).value);
    skeleton->mutable_files()->set_id(structure_of(process, task, Level::kFiles).value);
    skeleton->mutable_fs()->set_id(structure_of(process, task, Level::kFs).value);
    skeleton->mutable_sighand()->set_id(structure_of(process, task, Level::kSigHand).value);
    auto& added = records_.add(tasks_.at(task.thread()), {}, std::move(skeleton)).as<image::Task>();
    check_thread(added, records_.state<image::Task>(tasks_.at(process.tasks.front().thread())), task);
  }
}

// A thread of a restored process is born sharing all with its leader.
void Description::check_thread(const image::Task& state, const image::Task& leader, const tracee::Task& task) {
  resources::Place place(*this, fmt::format("thread {}", task.thread().value));
  if (state.files().id() != leader.files().id()) {
    obstacle("it has a descriptor table of its own (unshare)", "let threads share their descriptors",
             "threads that share less");
  }
  if (state.fs().id() != leader.fs().id()) {
    obstacle("it has a working directory of its own (unshare)", "let threads share their directory",
             "threads that share less");
  }
}

// A session or group that the tree has in common with others is the root's own at most: the restored root joins its
// caller's, or starts a session. One whose leader is dead, and that nobody else is in, is the tree's own.
void Description::describe_ids(const kernel::Stat& stat, image::Process& state, bool is_root) {
  if (is_root && !processes_.contains({stat.session()})) {
    if (stat.session() == 0 || outside().user_of_id(stat.session())) outside_session_.id = stat.session();
    if (outside_session_.id && !processes_.contains({stat.group()})) outside_group_.id = stat.group();
  }
  state.set_session(id_in_tree(stat.session(), outside_session_, number_of({stat.session()}).value));
  state.set_group(id_in_tree(stat.group(), outside_group_, state.session()));
}

// 0: the root's own, outside. `session`: of a phantom that has to be made for it, as the tree knows it.
int32_t Description::id_in_tree(pid_t id, const OutsideId& outside_id, int32_t session) {
  if (processes_.contains({id}) || phantoms_.contains(id)) return number_of({id}).value;
  if (id == outside_id.id) return 0;
  auto user = outside().user_of_id(id);
  if (id == 0 || user) {
    obstacle(
        fmt::format("it is in {} {}, as is {} outside the tree", outside_id.name, id, user ? user->text() : "somebody"),
        fmt::format("checkpoint from an ancestor that is in that {}", outside_id.short_name),
        "session of another process");
    return 0;
  }
  add_phantom(id, session);
  return number_of({id}).value;
}

// Then nothing can be told of the tree.
bool Description::is_root_unheld() const {
  if (!hold_.processes().empty()) {
    const tracee::HeldProcess& root = hold_.processes().front();
    return !root.zombie && root.tasks.empty();
  }
  if (unheld_.empty()) throw Error("it has ended meanwhile");
  return true;
}

// Namespaces of its own are not rebuilt yet, so they must be refused, or they would be lost silently.
void Description::check_namespaces(const tracee::HeldProcess& process) {
  check_time_namespace(process);
  for (const char* name : {"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "user", "uts"}) {
    std::string link = fmt::format("ns/{}", name);
    std::optional<std::string> its = process.proc.try_read_link(link);
    if (its == surroundings_->expected(link)) continue;
    obstacle(fmt::format("its {} namespace is not the one that cairn runs in ({})", name, its.value_or("unreadable")),
             fmt::format("run cairn in that namespace (nsenter --target {} ...)", process.pid.value), "namespaces");
  }
}

// Which one doesn't matter: a restore makes one anew, and the clocks go on in it.
void Description::check_time_namespace(const tracee::HeldProcess& process) {
  std::optional<std::string> of_root = hold_.processes().front().proc.try_read_link("ns/time");
  for (const char* link : {"ns/time", "ns/time_for_children"}) {
    std::optional<std::string> its = process.proc.try_read_link(link);
    if (its == of_root) continue;
    obstacle(fmt::format("it has other clocks than the root of the tree ({})", its.value_or("unreadable")),
             "checkpoint the processes of each time namespace by themselves", "namespaces");
  }
}

RecordId Description::structure_of(tracee::HeldProcess& process, const tracee::Task& task, Level level) {
  auto& index = sharing_.try_emplace(level, kcmp_type(level)).first->second;
  auto [place, is_new] = structures_.try_emplace({level, index.find_or_add(task.thread())});
  if (is_new) {
    place->second = records_.reserve();
    homes_[place->second] = &process;
  }
  return place->second;
}

void Description::describe_process(tracee::HeldProcess& process) {
  tracee::InjectedSpace space(process.tasks.front(), std::min(kSlots, process.tasks.size()), process.proc.maps());
  space_ = &space;
  ScopeGuard forget([this] { space_ = nullptr; });
  for (size_t first = 0; first < process.tasks.size(); first += kSlots) {
    size_t count = std::min(kSlots, process.tasks.size() - first);
    std::vector<TaskView> views;
    std::vector<std::unique_ptr<tracee::Batch>> batches;
    views.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      tracee::Task& task = process.tasks[first + i];
      views.emplace_back(process, task);
      batches.push_back(std::make_unique<tracee::Batch>(space, i, task));
      describe_task(views.back(), *batches.back(), first + i == 0);
    }
    std::vector<tracee::Batch*> pending;
    for (const auto& batch : batches) {
      if (!batch->empty()) pending.push_back(batch.get());
    }
    tracee::Batch::flush_all(pending);
    finish_readings();
  }
  space.close();
}

void Description::describe_task(const TaskView& view, tracee::Batch& batch, bool leads) {
  RecordId task = tasks_.at(view.thread());
  const auto& skeleton = records_.state<image::Task>(task);
  describe_attributes(task, Level::kTask, view, batch);
  if (leads) describe_attributes(processes_.at(view.process().pid), Level::kProcess, view, batch);
  describe_structure({skeleton.mm().id()}, Level::kMm, view, batch);
  describe_structure({skeleton.files().id()}, Level::kFiles, view, batch);
  describe_structure({skeleton.fs().id()}, Level::kFs, view, batch);
  describe_structure({skeleton.sighand().id()}, Level::kSigHand, view, batch);
}

void Description::describe_structure(RecordId record, Level level, const TaskView& view, tracee::Batch& batch) {
  if (!described_.insert(record).second) return;
  const auto& structure = resources::structure(level);
  readings_.push_back({record, {}, structure.face->describe_any(*this, view, batch)});
  describe_attributes(record, level, view, batch);
}

void Description::describe_attributes(RecordId owner, Level level, const TaskView& view, tracee::Batch& batch) {
  for (const auto& attribute : resources::attributes(level)) {
    resources::room(batch, 8, 1 << 10);  // kinds that need more see to it themselves
    readings_.push_back({{}, owner, attribute.face->describe_any(*this, view, batch)});
  }
}

void Description::finish_readings() {
  for (PendingReading& reading : readings_) {
    image::AnyState state = reading.read();
    if (!state) continue;
    RecordId id = reading.record ? reading.record : records_.reserve();
    records_.add(id, reading.owner, std::move(state));
  }
  readings_.clear();
}

int Description::fd(RecordId record) const {
  if (auto place = handles_.find(record); place != handles_.end()) return place->second.get();
  auto place = description_indices_.find(record);
  return place == description_indices_.end() ? -1 : descriptions_.fd(place->second);
}

void Description::let_go_of_descriptors() {
  descriptions_ = {};
  handles_.clear();
  pidfds_.clear();
}

void Description::obstacle(std::string reason, std::string remedy, std::string rule) {
  std::string where;
  for (const std::string& place : places_) where += (where.empty() ? "" : ": ") + place;
  obstacles_.push_back({std::move(where), std::move(reason), std::move(remedy), std::move(rule)});
}

void Description::passing_obstacle(std::string reason, std::string remedy, std::string rule) {
  obstacle(std::move(reason), std::move(remedy), std::move(rule));
  obstacles_.back().passes = true;
}

RecordId Description::object(const std::string& kind, const std::string& key,
                             const std::function<NewObject()>& describe) {
  auto [place, is_new] = objects_.try_emplace(kind + " " + key);
  if (!is_new) return place->second;
  RecordId id = place->second = records_.reserve();
  NewObject object = describe();
  records_.add(id, {}, std::move(object.state));
  if (object.handle) handles_[id] = std::move(object.handle);
  return id;
}

RecordId Description::description(HostPid process, int number) {
  if (auto known = by_number_.find({process, number}); known != by_number_.end()) return known->second;
  auto [pidfd, is_new] = pidfds_.try_emplace(process);
  if (is_new) pidfd->second = kernel::pidfd_open(process);
  std::optional<OwnedFd> duplicate = kernel::try_pidfd_getfd(pidfd->second.get(), number);
  if (!duplicate) return {};
  return by_number_[{process, number}] = describe_once(std::move(*duplicate), process, number);
}

RecordId Description::description_in_flight(OwnedFd duplicate, HostPid holder) {
  return describe_once(std::move(duplicate), holder, resources::DescriptionView::kInFlight);
}

// The index keeps one descriptor for each description; views need one of their own only while they are new.
RecordId Description::describe_once(OwnedFd duplicate, HostPid holder, int number) {
  size_t index = descriptions_.find_or_add(std::move(duplicate));
  if (index < description_records_.size()) return description_records_[index];
  RecordId id = records_.reserve();
  description_records_.push_back(id);
  description_indices_[id] = index;
  describe_view(id, {kernel::duplicate(descriptions_.fd(index)), holder, number, {}, id});
  return id;
}

RecordId Description::description_of(OwnedFd file, HostPid process, int flags) {
  resources::DescriptionView view(std::move(file), process, resources::DescriptionView::kMapping, flags);
  std::string key = fmt::format("mapped file {}:{} {:o}", view.stat().st_dev, view.stat().st_ino, flags);
  auto [place, is_new] = objects_.try_emplace(std::move(key));
  if (!is_new) return place->second;
  RecordId id = place->second = records_.reserve();
  describe_view(id, view);
  handles_[id] = view.take_fd();
  return id;
}

const resources::Faced<resources::AnyDescriptionKind>* Description::kind_for(
    const resources::DescriptionView& view) const {
  if (!view.is_mapping() && external_.contains(view.link())) return &resources::external_ends();
  const resources::Faced<resources::AnyDescriptionKind>* found = nullptr;
  for (const auto& kind : resources::description_kinds()) {
    if (!kind.face->recognises(view)) continue;
    if (found != nullptr) {
      throw Error(fmt::format("internal error: {} is both {} and {}; please report it", view.link(),
                              found->kind->name(), kind.kind->name()));
    }
    found = &kind;
  }
  return found;
}

void Description::describe_view(RecordId id, const resources::DescriptionView& view) {
  const auto* found = kind_for(view);
  if (found == nullptr) {
    resources::Refusal refusal = resources::refuse_object(view);
    obstacle(std::move(refusal.reason), std::move(refusal.remedy), "unsupported objects");
    return;
  }
  records_.add(id, {}, found->face->describe_any(*this, view));
  for (const auto& attribute : resources::description_attributes()) {
    image::AnyState state = attribute.face->describe_any(*this, view);
    if (state) records_.add(records_.reserve(), id, std::move(state));
  }
}

RecordId Description::process(HostPid pid) {
  auto place = processes_.find(pid);
  return place == processes_.end() ? RecordId{} : place->second;
}

RecordId Description::process_in_proc(dev_t procfs, pid_t id) {
  std::optional<HostPid> pid = surroundings_->find(procfs, {id});
  return pid ? process(*pid) : RecordId{};
}

RecordId Description::task(HostPid tid) {
  auto place = tasks_.find(tid);
  return place == tasks_.end() ? RecordId{} : place->second;
}

}  // namespace cairn::engine
