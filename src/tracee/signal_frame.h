// The frame that rt_sigreturn(2) takes: a task that runs into one has registers, extended state and signal mask of the
// given CpuState afterwards. This is how a task whose tracer was killed brings itself back (ARCHITECTURE.md, "A batch
// that heals itself").
//
// Unlike a ptrace put-back, rt_sigreturn forgets how a call would be restarted (it sets orig_rax to -1 and the restart
// block to "EINTR"), so an interrupted call is rewound onto its syscall instruction: see rewind_call().
#pragma once

#include <span>
#include <vector>

#include "tracee/task.h"

namespace cairn::tracee {

// An interrupted call begins again from its first instruction. Others are left alone.
void rewind_call(user_regs_struct& registers);

// Bytes that a frame for this state takes at most, its alignment included.
size_t signal_frame_size(const CpuState& state);

// The frame, to be written at `address`. Its first word is a return address (`restorer`, or 0), so that a `ret` with
// the stack pointer at `address` and the C library's restorer takes it; a bare rt_sigreturn needs the stack pointer at
// address + 8.
std::vector<std::byte> signal_frame(RemoteAddress address, RemoteAddress restorer, const CpuState& state);

// The same without extended state (rt_sigreturn resets it): for a step on the way to a whole frame.
std::vector<std::byte> bare_signal_frame(RemoteAddress restorer, const user_regs_struct& registers, uint64_t mask);

}  // namespace cairn::tracee
