#include "tracee/hold.h"

#include <unistd.h>

#include <algorithm>
#include <exception>

#include "base/log.h"
#include "kernel/calls.h"
#include "tracee/program_text.h"
#include "tracee/refusal.h"
#include "tracee/tree_seizer.h"

namespace cairn::tracee {
namespace {

HostPid parent_of(HostPid pid) {
  auto stat = kernel::try_stat_of(pid);
  return {stat ? stat->parent() : 0};
}

bool is_ancestor_of_ours(HostPid root) {
  HostPid pid{::getpid()};
  while (pid.value != 0 && pid != root) pid = parent_of(pid);
  return pid == root;
}

HostPid process_of(HostPid root) {
  auto proc = kernel::ProcDir::open(root);
  auto text = proc ? proc->try_read("status") : std::nullopt;
  if (!text) throw Error(fmt::format("process {} does not exist", root.value));
  return {static_cast<pid_t>(kernel::KeyValues::parse(*text).number("Tgid"))};
}

// Of what can be told without touching anything. A tree that holds its own holder would never be let go.
std::optional<Refusal> refusal_of(HostPid root) {
  if (HostPid process = process_of(root); process != root)
    return Refusal{"it is a thread", fmt::format("name its process {}", process.value)};
  if (root.value == ::getpid()) return Refusal{"it is cairn itself", "name another process"};
  if (is_ancestor_of_ours(root))
    return Refusal{"cairn is one of its descendants", "start cairn from outside of the tree"};
  if (is_kernel_thread(root)) return Refusal{"it is a kernel thread", "name a user process"};
  return {};
}

}  // namespace

Hold Hold::tree(HostPid root, Deadline deadline) {
  Hold hold;
  if (auto refusal = refusal_of(root)) {
    hold.problems_.push_back({root, root, refusal->reason, refusal->remedy});
    return hold;
  }
  look_at_program_text(root);
  TreeSeizer seizer(deadline);
  seizer.seize(root);
  hold.processes_ = seizer.take_processes();
  hold.problems_ = seizer.take_problems();
  hold.unstopped_ = seizer.take_unstopped();
  hold.began_ = seizer.began();
  return hold;
}

Hold::~Hold() {
  try {
    release();
  } catch (const std::exception& error) {
    log::detail("while releasing the tree: {}", error.what());
  }
}

std::chrono::nanoseconds Hold::pause() const {
  if (began_ == Clock::time_point{}) return {};  // nothing was there to be stopped
  return (ended_ == Clock::time_point{} ? Clock::now() : ended_) - began_;
}

void Hold::each_in_reverse(const std::function<void(HeldProcess&)>& action) {
  std::exception_ptr first;
  for (auto process = processes_.rbegin(); process != processes_.rend(); ++process) {
    try {
      action(*process);
    } catch (...) {
      if (!first) first = std::current_exception();
    }
  }
  if (first) std::rethrow_exception(first);
}

void Hold::release() {
  each_in_reverse([](HeldProcess& process) {
    for (auto task = process.tasks.rbegin(); task != process.tasks.rend(); ++task) task->release();
  });
  if (ended_ == Clock::time_point{}) ended_ = Clock::now();
  // A vfork parent stops when its child, just released, has come to its exec or exit. If that takes long, it stays
  // stopped until our end, which detaches everything.
  unstopped_.clear();
}

// To all, whatever becomes of one.
void Hold::signal_all(int signal) {
  each_in_reverse([&](HeldProcess& process) {
    if (!process.zombie) kernel::kill(process.pid, signal);
  });
}

// Nobody may see the others stopped and go on: one failure is not accepted. A second SIGSTOP changes nothing.
void Hold::release_stopped() {
  try {
    signal_all(SIGSTOP);
  } catch (const Error& error) {
    log::detail("{}", error.what());
    signal_all(SIGSTOP);
  }
  release();
}

void Hold::kill() {
  try {
    // Should we be killed meanwhile, none may see the others die and go on.
    for (HeldProcess& process : processes_)
      for (Task& task : process.tasks) task.die_with_us();
    signal_all(SIGKILL);
  } catch (const Error& error) {
    log::detail("{}", error.what());  // the signal is sent once more now
  }
  each_in_reverse([](HeldProcess& process) {
    for (auto task = process.tasks.rbegin(); task != process.tasks.rend(); ++task) task->kill_and_reap();
  });
  if (ended_ == Clock::time_point{}) ended_ = Clock::now();
  for (Task& task : unstopped_) task.kill_and_reap();
  unstopped_.clear();
}

}  // namespace cairn::tracee
