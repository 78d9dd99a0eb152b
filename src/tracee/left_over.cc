// A task that is found in the batch loop, or in a call that was made through its text: its cairn was killed, and it has
// been seized again (or was stopped by job control) before it came to the end. It goes from call to call until its
// healing rt_sigreturn is done; then it is where the killed cairn had found it.
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstddef>

#include "kernel/calls.h"
#include "tracee/batch_layout.h"
#include "tracee/program_text.h"
#include "tracee/ptrace.h"
#include "tracee/task.h"

namespace cairn::tracee {

bool Task::is_left_over(const CpuState& state) const {
  BatchPageHeader header;
  iovec local = {&header, sizeof(header)};
  iovec remote = {reinterpret_cast<void*>(state.registers.rip & ~uint64_t{kPageSize - 1}), sizeof(header)};
  ssize_t size = kernel::try_process_vm_readv(thread_, {&local, 1}, {&remote, 1});
  if (size == static_cast<ssize_t>(sizeof(header)) && header.magic == kBatchPageMagic) return true;
  return is_in_text_call(*this, state);
}

void Task::finish_left_over() {
  constexpr int kStopsAtMost = 4000;  // twice the calls of the largest batch, and some
  Deadline deadline = Clock::now() + std::chrono::seconds(10);
  bool returning = false;
  for (int n = 0; n < kStopsAtMost; ++n) {
    go_to_syscall();
    int status = next_stop(deadline);
    keep_if_stop_signal(status);
    if (status >> 8 != (SIGTRAP | ptrace::kSyscallStop)) continue;  // the batch's own signal, or a group stop
    if (returning) return;
    auto number = ptrace::peek_register(thread_, offsetof(user_regs_struct, orig_rax));
    if (!number) fail_as_dead();
    returning = *number == SYS_rt_sigreturn;
  }
  throw Error(fmt::format("{} does not leave the batch of a killed cairn", name()));
}

}  // namespace cairn::tracee
