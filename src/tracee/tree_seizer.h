// Finds and stops a tree of processes. Tasks that run may fork, exit and exec while we look, so this goes to a fixed
// point: a round that begins with every known task stopped and finds neither a new thread nor a new child is the last.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "tracee/hold.h"
#include "tracee/refusal.h"
#include "tracee/seize_watch.h"

namespace cairn::tracee {

class TreeSeizer {
 public:
  explicit TreeSeizer(Deadline deadline);
  void seize(HostPid root);

  std::vector<HeldProcess> take_processes();  // parents before children
  std::vector<HoldProblem> take_problems() { return std::move(problems_); }
  std::vector<Task> take_unstopped() { return std::move(unstopped_); }
  Clock::time_point began() const { return began_; }

 private:
  bool add_process(HostPid pid);
  bool seize_new_threads();
  bool seize_new_threads(HeldProcess& process);
  void seize_thread(HeldProcess& process, HostPid thread);
  bool find_children();
  bool all_settled() const;
  bool is_settled(const HeldProcess& process) const;
  std::vector<HostPid> children_of(const HeldProcess& process) const;
  void stop_all();
  std::vector<std::pair<HostPid, HostPid>> unstopped_threads() const;  // process, thread
  bool all_wait_for_vfork(const std::vector<std::pair<HostPid, HostPid>>& late) const;
  bool stop_within(Deadline deadline);
  void help_vfork(HostPid parent, HostPid thread);
  void let_run(HostPid child);
  void give_up_unstopped();
  bool drop_killed(HeldProcess& process);
  bool read_states();
  bool read_state(HeldProcess& process, Task& task);
  void describe(HeldProcess& process) const;
  void drop_dead();

  Deadline deadline_;
  SeizeWatch watch_;
  std::map<HostPid, HeldProcess> found_;
  std::set<HostPid> refused_;  // threads
  std::set<HostPid> running_;  // vfork children that we let go on
  std::vector<HoldProblem> problems_;
  std::vector<Task> unstopped_;
  Clock::time_point began_{};
};

// Whether the task sleeps in vfork(2) or its clone(2) form: it can't be stopped before its child has exec'd or exited.
bool is_in_vfork(HostPid process, HostPid thread);

}  // namespace cairn::tracee
