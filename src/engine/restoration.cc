#include "engine/restoration.h"

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <thread>

#include "base/log.h"
#include "engine/layout.h"
#include "engine/time_envelope.h"
#include "kernel/cancel.h"
#include "tracee/batch_layout.h"
#include "tracee/text_caller.h"

namespace cairn::engine {
namespace {

using resources::RestoredTask;

constexpr size_t kSpareSlots = 2;
constexpr size_t kMostDescriptors = 253;  // SCM_MAX_FD: of one message
constexpr auto kPatience = std::chrono::seconds(10);

void raise_own_descriptor_limit() {
  rlimit limit{};
  kernel::checked("prlimit64", SYS_prlimit64, 0, RLIMIT_NOFILE, 0, kernel::arg(&limit));
  limit.rlim_cur = limit.rlim_max;
  kernel::checked("prlimit64", SYS_prlimit64, 0, RLIMIT_NOFILE, kernel::arg(&limit), 0);
}

void kill_quietly(RestoredTask& task) {
  try {
    task.task().kill_and_reap();
  } catch (const Error& error) {
    log::notice("while undoing the restore: {}", error.what());
  }
}

// There is no way back any more: the destructor tries it once more, and our end lets go of all.
void let_go(tracee::Task& task) {
  try {
    task.release();
  } catch (const Error& error) {
    log::detail("{}", error.what());
  }
}

}  // namespace

Restoration::Restoration(const graph::RecordSet& records, const graph::Tree& tree, const graph::Births& births,
                         const image::Reader& image, Parent parent, const Envelope& envelope)
    : records_(records), tree_(tree), births_(births), image_(image), parent_(parent), envelope_(envelope) {
  raise_own_descriptor_limit();
  size_t slots = records.of_kind("task").size() + kSpareSlots;
  batch_start_ = find_common_hole(records, tracee::SharedSpace::size_for(slots));
  space_ = std::make_unique<tracee::SharedSpace>(batch_start_, slots);
  int ends[2];
  kernel::checked("socketpair", SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, kernel::arg(ends));
  socket_ = OwnedFd(ends[0]);
  far_socket_ = OwnedFd(ends[1]);
  socket_number_ = first_free_number(records);
  plant_root();
}

Restoration::~Restoration() {
  if (released_) return;
  if (temporary_) kill_quietly(*temporary_);
  // Threads before their leaders, creations before creators: a leader can only be reaped after its threads.
  for (auto record = order_.rbegin(); record != order_.rend(); ++record) {
    auto task = tasks_.find(*record);
    if (task == tasks_.end()) continue;
    kill_quietly(*task->second);
  }
  if (planter_) kill_quietly(*planter_);
}

void Restoration::plant_root() {
  guard_.arm(SIGKILL);
  PlanterRequest request;
  request.guard = &guard_;
  request.our_socket = socket_.get();
  request.socket = far_socket_.get();
  request.socket_number = socket_number_;
  request.envelope = envelope_;
  if (parent_ == Parent::kCaller) request.place = Place::kSibling;
  if (parent_ != Parent::kCaller || envelope_.pids) return plant_planter(request);
  RecordId root = tree_.root().leader();
  request.wanted_pid = records_.state<image::Task>(root).tid();
  resources::prepare_birth(*this, root, nullptr);
  tasks_[root] = plant_with_clocks(request, next_slot_++, root);
  order_.push_back(root);
}

// It may have to be the dead leader of the root's session; else it must not take an id that a task will need.
void Restoration::plant_planter(PlanterRequest request) {
  RecordId record;
  if (RecordId phantom = births_.of(tree_.root().id).creator) {
    record = tree_.process(phantom).leader();
    request.wanted_pid = tree_.process(phantom).state->pid();
  } else if (envelope_.pids) {
    request.wanted_pid = unused_id();
  }
  size_t slot = next_slot_++;
  planter_ = plant_with_clocks(request, slot, record);
  while (request.wanted_pid == 0 && tree_.has_task(planter_->process().value)) {
    retire_planter();
    planter_ = plant_with_clocks(request, slot, record);
  }
  if (envelope_.user) birth_status_ = kernel::ProcDir::open(planter_->process())->status();
}

// Besides init's.
pid_t Restoration::unused_id() const {
  pid_t id = 2;
  while (tree_.has_task(id)) ++id;
  return id;
}

HostPid Restoration::host_id(NamespacePid id) const {
  auto found = pids_.find(id);
  if (!found) throw Error(fmt::format("task {} died at its birth", id.value));
  return *found;
}

std::unique_ptr<RestoredTask> Restoration::plant_with_clocks(PlanterRequest& request, size_t slot, RecordId record) {
  moment_ = moment_of(image_.head());
  request.clocks = offsets_for(moment_);
  Planted planted = plant(request, *space_, slot, record);
  if (!planted.clocks_problem.empty()) {
    log::notice("the clocks (CLOCK_MONOTONIC, CLOCK_BOOTTIME) are this host's, as no time namespace can be had: {}",
                planted.clocks_problem);
    moment_.tree = moment_.here;
  }
  init_ = std::move(planted.init);
  if (init_) pids_ = kernel::PidNamespace::of(init_->pid());
  return std::move(planted.task);
}

// A file opened through our own mounts could not be linked or renamed by the tree (EXDEV).
std::string Restoration::path_in_tree(const std::string& path) const {
  return init_ ? path_below(init_->pid(), path) : path;
}

resources::RestoreContext::Root Restoration::root_origin() const {
  if (envelope_.pids) return Root::kSiblingOfPlanter;  // a child of init
  switch (parent_) {
    case Parent::kCairn:
      return Root::kSiblingOfPlanter;
    case Parent::kNobody:
      return Root::kChildOfPlanter;
    case Parent::kCaller:
      break;
  }
  return Root::kPlanter;
}

bool Restoration::root_starts_session() const {
  return parent_ == Parent::kNobody && tree_.root().state->session() == 0;
}

const resources::Inherited* Restoration::inherited(const std::string& name) const {
  if (given_ == nullptr) return nullptr;
  auto place = given_->find(name);
  return place == given_->end() ? nullptr : &place->second;
}

void Restoration::run(const graph::Plan& plan) {
  for (size_t i = 0; i < plan.steps().size(); ++i) run_step(plan, i);
  flush_everything();
  retire_planter();
  remove_batch_regions();
  kept_.clear();
  socket_.reset();
  far_socket_.reset();
  run_last_actions();
}

void Restoration::run_step(const graph::Plan& plan, size_t index) {
  const graph::Step& step = plan.steps()[index];
  const graph::Record& record = records_.at(step.record);
  within(
      [&] { return fmt::format("{} {} ({})", record.kind(), record.id.value, graph::milestone_name(step.milestone)); },
      [&] {
        flush_needed(plan, step);
        resources::kind_of(record).reach(*this, record, step.milestone);
      });
}

// What a step needs must have happened, except where it stands before it in the very same batch.
void Restoration::flush_needed(const graph::Plan& plan, const graph::Step& step) {
  for (size_t need : step.needs) {
    RecordId actor = plan.steps()[need].actor;
    if (!actor || actor == step.actor) continue;
    auto task = tasks_.find(actor);
    if (task != tasks_.end() && !task->second->batch().empty()) task->second->batch().flush();
  }
}

void Restoration::flush_everything() {
  std::vector<tracee::Batch*> batches;
  for (const auto& [record, task] : tasks_) {
    if (!task->batch().empty()) batches.push_back(&task->batch());
  }
  if (!batches.empty()) tracee::Batch::flush_all(batches);
}

void Restoration::keep(RecordId record, OwnedFd fd) {
  if (fd) kept_[record] = std::move(fd);
}

int Restoration::fd(RecordId record) const {
  auto place = kept_.find(record);
  return place == kept_.end() ? -1 : place->second.get();
}

void Restoration::expect_birth(RecordId task, RestoredTask& creator) { expected_[task] = {&creator, next_slot_++}; }

RestoredTask& Restoration::actor_of(RecordId record) {
  RecordId actor = tree_.actor(record);
  CAIRN_ASSERT(static_cast<bool>(actor));
  if (planter_ && planter_->record() == actor) return *planter_;
  auto task = tasks_.find(actor);
  return task != tasks_.end() ? *task->second : adopt(actor);
}

RestoredTask& Restoration::adopt(RecordId record) {
  auto birth = expected_.find(record);
  CAIRN_ASSERT(birth != expected_.end());
  if (!birth->second.creator->batch().empty()) birth->second.creator->batch().flush();
  const graph::ProcessNode& process = tree_.process(tree_.process_of(record));
  HostPid pid = host_id({process.state->pid()});
  HostPid thread = host_id({records_.state<image::Task>(record).tid()});
  tracee::Task task = tracee::Task::adopt(pid, thread, PTRACE_O_EXITKILL);
  if (task.wait_until_stopped(tracee::Clock::now() + kPatience) != tracee::Task::Arrival::kStopped) {
    throw Error(fmt::format("task {} died at its birth", thread.value));
  }
  order_.push_back(record);
  return *(tasks_[record] = std::make_unique<RestoredTask>(record, std::move(task), *space_, birth->second.slot));
}

void Restoration::retire_planter() {
  if (!planter_) return;
  planter_->task().kill_and_reap();
  planter_.reset();
}

// The last call of each address space unmaps the batch loop itself, so it is made through the program's own text.
void Restoration::remove_batch_regions() {
  for (const graph::Record* mm : records_.of_kind("mm")) {
    tracee::Task& task = actor_of(mm->id).task();
    std::vector<kernel::MapsEntry> maps = kernel::ProcDir::open(task.process())->maps();
    tracee::TextCaller caller(task, tracee::find_program_text(task, maps), maps);
    long result = caller.call({SYS_munmap, {batch_start_.value, space_->size(), 0, 0, 0, 0}});
    if (result < 0) throw Error::system("unmap the batch loop", static_cast<int>(-result));
    if (task.put_back()) caller.finish();
  }
}

HostPid Restoration::reported_pid() {
  if (init_ && parent_ == Parent::kCaller) return init_->pid();
  return actor_of(tree_.root().id).process();
}

std::vector<int> Restoration::hand_over(RestoredTask& task, std::span<const int> fds) {
  std::vector<int> numbers;
  for (int fd : fds) {
    if (fd < 0) throw Error("internal error: a descriptor that was never made is to be handed over");
  }
  while (!fds.empty()) {
    std::span<const int> group = fds.first(std::min(fds.size(), kMostDescriptors));
    hand_over_group(task, group, numbers);
    fds = fds.subspan(group.size());
  }
  return numbers;
}

void Restoration::hand_over_group(RestoredTask& task, std::span<const int> fds, std::vector<int>& numbers) {
  kernel::send_descriptors(socket_.get(), fds);
  size_t control_size = CMSG_SPACE(fds.size() * sizeof(int));
  tracee::Batch& batch = task.room(1, control_size + sizeof(msghdr) + sizeof(iovec) + 64);
  auto byte = batch.buffer(1);
  auto control = batch.buffer(control_size);
  iovec vector{reinterpret_cast<void*>(byte.address.value), 1};
  msghdr message{};
  message.msg_iov = reinterpret_cast<iovec*>(batch.put(vector).value);
  message.msg_iovlen = 1;
  message.msg_control = reinterpret_cast<void*>(control.address.value);
  message.msg_controllen = control_size;
  batch.call(SYS_recvmsg, socket_number_, batch.put(message), 0);
  batch.flush();
  std::vector<std::byte> received = batch.bytes(control);
  cmsghdr header{};
  std::memcpy(&header, received.data(), sizeof(header));
  if (header.cmsg_len != CMSG_LEN(fds.size() * sizeof(int))) {
    throw Error(fmt::format("only a part of {} descriptors arrived in task {}; is its descriptor limit too low?",
                            fds.size(), task.thread().value));
  }
  size_t before = numbers.size();
  numbers.resize(before + fds.size());
  std::memcpy(numbers.data() + before, received.data() + CMSG_LEN(0), fds.size() * sizeof(int));
}

// Every task gets its last registers, so that nothing but a detach is missing, which the kernel does too.
void Restoration::hold() {
  for (const auto& [record, task] : tasks_) {
    if (!task->task().put_back()) throw Error(fmt::format("task {} died", task->thread().value));
    if (task->thread() == task->process()) guard_.watch(task->process());
  }
}

// Until disarm() the guard kills all should cairn die, those too that PTRACE_O_EXITKILL would not take along any more.
// From then on all go on, whether we or the kernel let go of them.
void Restoration::release() {
  if (init_) {
    init_->commit({tree_.root().state->pid()},
                  parent_ == Parent::kNobody ? Init::Session::kOwn : Init::Session::kStays);
  }
  for (const auto& [record, task] : tasks_) task->task().set_options(0);
  kernel::end_of_canceling();
  guard_.disarm();
  released_ = true;
  for (auto record = order_.rbegin(); record != order_.rend(); ++record) {
    auto task = tasks_.find(*record);
    if (task != tasks_.end()) let_go(task->second->task());
  }
  tasks_.clear();
}

}  // namespace cairn::engine
