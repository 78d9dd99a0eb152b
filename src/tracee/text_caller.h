// Single calls in a held task through a syscall instruction of its own text: for the first mappings that the batch loop
// needs, and for the last unmapping, that of the loop itself.
//
// The call is stepped with PTRACE_SYSCALL rather than PTRACE_SINGLESTEP: the trap of a single step would reset
// SIGTRAP's action where that is blocked or ignored. When the tracer is killed, the task must find back by itself. So
// the instruction is a `syscall; ret`, and the stack pointer is at a signal frame below the red zone, whose return
// address is the C library's restorer: the task makes the call, "returns" into rt_sigreturn and is back. One more call
// can be put in between, to undo the first.
//
// That needs a stack with room. A program may run on a small piece of its heap (goroutines, alternate signal stacks)
// where what lies below is somebody's data. We take the main stack, and mappings with a guard page right below. In
// other places the call is made without a frame, and a SIGKILL of cairn within those microseconds kills the target.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "tracee/program_text.h"
#include "tracee/task.h"

namespace cairn::tracee {

class TextCaller {
 public:
  struct Call {
    long number;
    std::array<uint64_t, 6> args;
  };

  // `undo`: what the task does after a call, on its way back, when the tracer has died.
  TextCaller(Task& task, const ProgramText& text, const std::vector<kernel::MapsEntry>& maps,
             std::optional<Call> undo = {});
  TextCaller(const TextCaller&) = delete;
  ~TextCaller();

  bool heals() const { return stack_.value != 0; }
  // The result, or a negative errno value. Registers and mask stay ours: put_back() or a batch comes next.
  long call(const Call& call);
  // Puts the bytes of the stack back, once the task doesn't stand at the frame any more.
  void finish();

 private:
  void prepare_stack(const std::vector<kernel::MapsEntry>& maps, const std::optional<Call>& undo);
  void to_syscall_stop(uint64_t side);

  Task& task_;
  const ProgramText text_;
  RemoteAddress stack_{0};  // of the frame that a call returns to
  RemoteAddress saved_at_{0};
  std::vector<std::byte> saved_;
};

}  // namespace cairn::tracee
