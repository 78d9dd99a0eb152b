#include "tracee/tree_seizer.h"

#include <linux/kcmp.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <thread>

#include "kernel/calls.h"
#include "tracee/ptrace.h"

namespace cairn::tracee {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kOptions = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
constexpr auto kFirstWait = milliseconds(3);  // for a task that has no reason to be late
constexpr auto kLaterWait = milliseconds(5);
constexpr auto kVforkWait = milliseconds(200);  // for a vfork child that lives only to exec

std::vector<HostPid> parse_pids(const std::string& text) {
  std::vector<HostPid> pids;
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end; ++at) {
    pid_t pid = 0;
    auto [rest, status] = std::from_chars(at, end, pid);
    if (status != std::errc()) break;
    pids.push_back({pid});
    at = rest;
  }
  return pids;
}

// Thread ids; none when the process is gone.
std::vector<HostPid> threads_of(const kernel::ProcDir& proc) {
  std::vector<HostPid> threads;
  if (auto directory = kernel::try_open_at(proc.fd(), "task", O_RDONLY | O_DIRECTORY))
    for (const std::string& name : kernel::list_directory(directory->get()))
      for (HostPid pid : parse_pids(name)) threads.push_back(pid);
  std::ranges::sort(threads);
  // While a thread takes over the leader's id in exec the kernel may list that id twice.
  threads.erase(std::unique(threads.begin(), threads.end()), threads.end());
  return threads;
}

std::string task_file(HostPid thread, const char* name) { return fmt::format("task/{}/{}", thread.value, name); }

}  // namespace

TreeSeizer::TreeSeizer(Deadline deadline) : deadline_(deadline) {}

void TreeSeizer::seize(HostPid root) {
  if (!add_process(root)) throw Error(fmt::format("process {} does not exist", root.value));
  do {
    while (seize_new_threads()) stop_all();
  } while (find_children() || !read_states() || !all_settled());
  drop_dead();
}

bool TreeSeizer::add_process(HostPid pid) {
  if (found_.contains(pid)) return false;
  auto proc = kernel::ProcDir::open(pid);
  if (!proc) return false;
  found_.emplace(pid, HeldProcess{pid, {}, false, {}, {}, std::move(*proc), {}});
  return true;
}

bool TreeSeizer::seize_new_threads() {
  bool any = false;
  for (auto& [pid, process] : found_) any |= seize_new_threads(process);
  return any;
}

// The leader first: of two cairns it belongs to one, and the other leaves the rest alone.
bool TreeSeizer::seize_new_threads(HeldProcess& process) {
  std::set<HostPid> known;
  for (const Task& task : process.tasks) known.insert(task.thread());
  std::vector<HostPid> fresh;
  for (HostPid thread : threads_of(process.proc))
    if (!known.contains(thread) && !refused_.contains(thread)) fresh.push_back(thread);
  for (HostPid thread : fresh)
    if (auto channel = process.proc.try_read(task_file(thread, "wchan")))
      process.wait_channels[thread.value] = *channel;
  std::ranges::stable_partition(fresh, [&](HostPid thread) { return thread == process.pid; });
  size_t before = process.tasks.size();
  for (HostPid thread : fresh)
    if (!refused_.contains(process.pid)) seize_thread(process, thread);
  return process.tasks.size() > before;
}

void TreeSeizer::seize_thread(HeldProcess& process, HostPid thread) {
  std::optional<Refusal> refusal;
  watch_.begin(process.pid);
  auto task = Task::try_seize(process.pid, thread, kOptions, refusal);
  watch_.end();
  if (task)
    process.tasks.push_back(std::move(*task));
  else if (refusal && tracer_of(process.pid, thread).value == ::getpid())  // attached at its birth
    process.tasks.push_back(Task::adopt(process.pid, thread, kOptions | PTRACE_O_TRACESYSGOOD));
  else if (refusal && refused_.insert(thread).second)
    problems_.push_back({process.pid, thread, refusal->reason, refusal->remedy, refusal->passes});
}

std::vector<HostPid> TreeSeizer::children_of(const HeldProcess& process) const {
  std::vector<HostPid> children;
  for (HostPid thread : threads_of(process.proc))
    if (auto text = process.proc.try_read(task_file(thread, "children")))
      for (HostPid child : parse_pids(*text)) children.push_back(child);
  return children;
}

bool TreeSeizer::find_children() {
  std::vector<HostPid> children;
  for (auto& [pid, process] : found_)
    if (!refused_.contains(pid)) std::ranges::copy(children_of(process), std::back_inserter(children));
  bool any = false;
  for (HostPid child : children) any |= add_process(child);
  return any;
}

// While one thread execs, all the others of its process are dead, and it is on its way to the leader's id. Such a
// process has no thread to seize for a moment, and yet it isn't dead.
bool TreeSeizer::is_settled(const HeldProcess& process) const {
  if (!process.tasks.empty() || refused_.contains(process.pid)) return true;
  auto stat = process.proc.try_stat();
  return !stat || stat->process_has_ended();
}

bool TreeSeizer::all_settled() const {
  bool all = std::ranges::all_of(found_, [&](const auto& entry) { return is_settled(entry.second); });
  if (all || Clock::now() >= deadline_) return true;
  std::this_thread::sleep_for(milliseconds(1));
  return false;
}

// True when all have stopped (or died) by then.
bool TreeSeizer::stop_within(Deadline deadline) {
  bool all = true;
  for (auto& [pid, process] : found_) {
    bool lost = false;
    for (Task& task : process.tasks) {
      if (task.stopped()) continue;
      Task::Arrival arrival = task.wait_until_stopped(deadline);
      lost |= arrival == Task::Arrival::kGone;
      if (arrival == Task::Arrival::kStopped && began_ == Clock::time_point{}) began_ = Clock::now();
      if (arrival == Task::Arrival::kStopped) running_.erase(task.thread());
      if (arrival == Task::Arrival::kTimeout) all = false;
    }
    std::erase_if(process.tasks, [](const Task& task) { return !task.attached_; });
    if (lost && drop_killed(process)) all = false;
  }
  return all;
}

std::vector<std::pair<HostPid, HostPid>> TreeSeizer::unstopped_threads() const {
  std::vector<std::pair<HostPid, HostPid>> threads;
  for (const auto& [pid, process] : found_)
    for (const Task& task : process.tasks)
      if (!task.stopped()) threads.emplace_back(pid, task.thread());
  return threads;
}

// Whoever is late may wait for something that we hold up: a vfork parent for its child, a thread that execs for the
// reaping of the others (those that had stopped, and new ones that were attached to us at their birth). A vfork child
// may itself wait for one that we hold: then the tree has to go on first.
void TreeSeizer::stop_all() {
  Deadline deadline = Clock::now() + kFirstWait, vfork_deadline = Clock::now() + kVforkWait;
  while (!stop_within(std::min(deadline, deadline_))) {
    auto late = unstopped_threads();
    if (Clock::now() >= deadline_ || (Clock::now() >= vfork_deadline && all_wait_for_vfork(late)))
      return give_up_unstopped();
    std::set<HostPid> processes;
    for (auto [process, thread] : late) processes.insert(process);
    for (HostPid process : processes) {
      drop_killed(found_.at(process));
      seize_new_threads(found_.at(process));
    }
    for (auto [process, thread] : late)
      if (!running_.contains(thread) && is_in_vfork(process, thread)) help_vfork(process, thread);
    deadline = Clock::now() + kLaterWait;
  }
}

bool TreeSeizer::all_wait_for_vfork(const std::vector<std::pair<HostPid, HostPid>>& late) const {
  return std::ranges::all_of(
      late, [&](const auto& task) { return running_.contains(task.second) || is_in_vfork(task.first, task.second); });
}

// A stopped task can still be killed, and a thread that execs takes over the leader's id: then what has this id isn't
// stopped, or isn't even seized, or stands in a stop of its own, that of its exec. (Were it our own child, wait4 would
// not tell us so.) True when somebody has to be waited for.
bool TreeSeizer::drop_killed(HeldProcess& process) {
  for (Task& task : process.tasks) {
    HostPid thread = task.thread();
    if (task.stopped() && (!ptrace::get_mask(thread) || ptrace::has_untold_stop(thread))) task.expect_stop();
    if (!task.stopped() && tracer_of(process.pid, task.thread()).value != ::getpid()) task.forget();
  }
  std::erase_if(process.tasks, [](const Task& task) { return !task.attached_; });
  return !std::ranges::all_of(process.tasks, &Task::stopped);
}

// The child shares the parent's memory, and nothing but its exec or exit brings the parent back. It may be held
// already, be attached to us by its birth, or not be known at all and run.
void TreeSeizer::help_vfork(HostPid parent, HostPid thread) {
  auto text = found_.at(parent).proc.try_read(task_file(thread, "children"));
  if (!text) return;
  for (HostPid child : parse_pids(*text))
    if (kernel::try_kcmp(parent, child, KCMP_VM) == 0) let_run(child);
}

void TreeSeizer::let_run(HostPid child) {
  if (add_process(child) && tracer_of(child, child).value != ::getpid()) {
    found_.erase(child);  // it runs; find_children() comes upon it later
    return;
  }
  HeldProcess& process = found_.at(child);
  if (process.tasks.empty()) seize_new_threads(process);
  for (Task& task : process.tasks) {
    if (task.wait_until_stopped(Clock::now() + kFirstWait) != Task::Arrival::kStopped) continue;
    if (!running_.insert(task.thread()).second) continue;
    task.go_on();
  }
}

void TreeSeizer::give_up_unstopped() {
  for (HostPid thread : running_) ptrace::interrupt(thread);
  stop_within(Clock::now() + kLaterWait);
  for (auto& [pid, process] : found_) {
    for (Task& task : process.tasks) {
      if (task.stopped()) continue;
      bool vfork = is_in_vfork(pid, task.thread());
      bool passes = vfork || running_.contains(task.thread());
      problems_.push_back({pid, task.thread(),
                           vfork ? "it is in vfork(2), and its child has not called exec or exited in time"
                                 : "it did not stop in time; it waits in the kernel",
                           "try again, or raise --timeout", passes});
      refused_.insert(task.thread());
      unstopped_.push_back(std::move(task));
    }
    std::erase_if(process.tasks, [](const Task& task) { return !task.stopped(); });
  }
}

// False when some task was not in its stop any more.
bool TreeSeizer::read_state(HeldProcess& process, Task& task) {
  try {
    task.find_lost_number(process.wait_channels[task.thread().value]);
    if (task.calls_allowed_ || refused_.contains(task.thread())) return true;
    auto refusal = task.refusal_of_calls();
    if (!refusal) return true;
    refused_.insert(task.thread());
    problems_.push_back({process.pid, task.thread(), refusal->reason, refusal->remedy, refusal->passes});
    return true;
  } catch (const Error&) {
    if (ptrace::get_mask(task.thread())) throw;
    task.expect_stop();
    return false;
  }
}

bool TreeSeizer::read_states() {
  bool all = true;
  for (auto& [pid, process] : found_)
    for (Task& task : process.tasks) all &= read_state(process, task);
  if (!all) stop_all();
  return all;
}

void TreeSeizer::describe(HeldProcess& process) const {
  auto stat = process.proc.try_stat();
  if (!stat) return;
  process.parent = {stat->parent()};
  process.zombie = stat->has_ended() && process.tasks.empty();
  std::ranges::sort(process.tasks, {},
                    [&](const Task& task) { return task.thread() == process.pid ? HostPid{0} : task.thread(); });
  if (!process.zombie && stat->has_ended()) process.dead_leader.push_back(process.pid);
}

// What died while we looked and was reaped by its parent is no part of the tree any more.
void TreeSeizer::drop_dead() {
  for (auto& [pid, process] : found_) describe(process);
  std::erase_if(found_, [&](const auto& entry) {
    const HeldProcess& process = entry.second;
    bool has_problem =
        std::ranges::any_of(problems_, [&](const auto& problem) { return problem.process == entry.first; });
    return process.tasks.empty() && !process.zombie && !has_problem;
  });
}

std::vector<HeldProcess> TreeSeizer::take_processes() {
  std::vector<HeldProcess> ordered;
  while (!found_.empty()) {
    auto next = std::ranges::find_if(found_, [&](const auto& entry) { return !found_.contains(entry.second.parent); });
    if (next == found_.end()) next = found_.begin();
    ordered.push_back(std::move(next->second));
    found_.erase(next);
  }
  return ordered;
}

}  // namespace cairn::tracee
