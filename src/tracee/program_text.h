// Instructions of the program itself through which single calls can be made in it, before any code of ours is there.
#pragma once

#include <vector>

#include "kernel/procfs.h"
#include "tracee/task.h"

namespace cairn::tracee {

struct ProgramText {
  RemoteAddress syscall;         // `syscall`
  RemoteAddress syscall_return;  // `syscall; ret`, or 0
  RemoteAddress restorer;        // the C library's signal restorer (`mov $15,%eax; syscall`: rt_sigreturn), or 0
  // With both, a call can return into a prepared signal frame on the stack.
  bool can_return() const { return syscall_return.value != 0 && restorer.value != 0; }
};

// Error when the task has no `syscall` instruction at all.
ProgramText find_program_text(const Task& task, const std::vector<kernel::MapsEntry>& maps);

// Searches already while the process runs, so that the time isn't spent in its pause.
void look_at_program_text(HostPid process);

// Whether a task that has everything blocked stands before or behind the call of such a pair, with the frame on top of
// its stack: a killed cairn has left it there (text_caller.h), and it was stopped before it could return.
bool is_in_text_call(const Task& task, const CpuState& state);

}  // namespace cairn::tracee
