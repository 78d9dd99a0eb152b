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

Error refused(HostPid root, const std::string& why) {
  return Error(fmt::format("process {} can't be held: {}", root.value, why), Failure::kRefused);
}

HostPid parent_of(HostPid pid) {
  auto proc = kernel::ProcDir::open(pid);
  auto text = proc ? proc->try_read("stat") : std::nullopt;
  return {text ? kernel::parse_stat(*text).parent() : 0};
}

// A tree that holds its own holder would never be let go.
void refuse_own_family(HostPid root) {
  HostPid self{::getpid()};
  if (root == self) throw refused(root, "it is cairn itself");
  for (HostPid pid = parent_of(self); pid.value != 0; pid = parent_of(pid))
    if (pid == root) throw refused(root, "cairn is one of its descendants; start cairn from outside of the tree");
}

void refuse_thread(HostPid root) {
  auto proc = kernel::ProcDir::open(root);
  auto text = proc ? proc->try_read("status") : std::nullopt;
  if (!text) throw Error(fmt::format("process {} does not exist", root.value));
  auto process = static_cast<pid_t>(kernel::KeyValues::parse(*text).number("Tgid"));
  if (process != root.value) throw refused(root, fmt::format("it is a thread; name its process {}", process));
}

}  // namespace

Hold Hold::tree(HostPid root, Deadline deadline) {
  refuse_thread(root);
  refuse_own_family(root);
  if (is_kernel_thread(root)) throw refused(root, "it is a kernel thread");
  look_at_program_text(root);
  TreeSeizer seizer(deadline);
  seizer.seize(root);
  Hold hold;
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

void Hold::release_stopped() {
  signal_all(SIGSTOP);
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
