// A whole tree of processes held still: every task is seized until no new one appears, and nothing is read before the
// last has stopped. Leaving the scope releases every task as it was.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernel/procfs.h"
#include "tracee/task.h"

namespace cairn::tracee {

struct HeldProcess {
  HostPid pid;
  HostPid parent;
  bool zombie = false;                         // nothing but an exit status; has no tasks
  std::vector<Task> tasks;                     // leader first, then by thread id; all stopped, their state() read
  std::vector<HostPid> dead_leader;            // the leader when it has exited but other threads live (not in `tasks`)
  kernel::ProcDir proc;                        // of the leader; with a dead leader its maps are empty: ask a thread's
  std::map<pid_t, std::string> wait_channels;  // by thread id, read before the interrupt
};

// Why one task could not be held; the caller makes an obstacle of each.
struct HoldProblem {
  HostPid process, thread;
  std::string reason, remedy;
  bool passes = false;  // when the tree goes on for a while
};

class Hold {
 public:
  // Seizes `root` and all its descendants by the deadline. Tasks that can't be held are in problems(); the others are
  // held all the same so that all obstacles can be told at once. Error when the root doesn't exist, or is cairn
  // itself, one of its ancestors, or a kernel thread.
  static Hold tree(HostPid root, Deadline deadline);
  Hold(Hold&&) = default;
  ~Hold();

  std::vector<HeldProcess>& processes() { return processes_; }  // parents before children
  const std::vector<HoldProblem>& problems() const { return problems_; }

  // From the first task that stopped to the release of the last.
  std::chrono::nanoseconds pause() const;
  // Lets all go; children first.
  void release();
  // SIGKILL for the whole tree, root last; waits until all are dead and reaps them as their tracer. The ids of orphans
  // are free only when init (or the nearest sub-reaper) has reaped them too, in its own time.
  void kill();
  // Leaves the tree in job-control stop: SIGSTOP is sent before the release.
  void release_stopped();

 private:
  Hold() = default;
  void signal_all(int signal);
  void each_in_reverse(const std::function<void(HeldProcess&)>& action);

  std::vector<HeldProcess> processes_;
  std::vector<HoldProblem> problems_;
  std::vector<Task> unstopped_;  // vfork parents that did not stop in time
  Clock::time_point began_, ended_;
};

}  // namespace cairn::tracee
