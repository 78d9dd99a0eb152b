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

}  // namespace cairn::tracee
