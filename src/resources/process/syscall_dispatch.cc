// Syscall user dispatch (prctl(2) PR_SET_SYSCALL_USER_DISPATCH): system calls of a task that become SIGSYS, so that it
// can make them itself; emulators of other systems do this. ptrace(2) shows it since Linux 6.4; before that it is lost.
//
// A range of code is exempt, and a byte of the program's memory, the selector, says at each call whether it passes.
// Only while that says so can cairn make calls in the task: otherwise the seizing of tasks waits, and refuses in the
// end (a task without a selector at once). So a restored task has a selector that lets cairn's remaining calls pass,
// too.
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/process/syscall_dispatch.pb.h"
#include "tracee/ptrace.h"

namespace cairn::resources {
namespace {

// linux/prctl.h, Linux 5.11; the last one 6.16.
constexpr int kSetDispatch = 59;  // PR_SET_SYSCALL_USER_DISPATCH
constexpr int kOff = 0, kExclusive = 1, kInclusive = 2;

// The kernel turns the range of PR_SYS_DISPATCH_INCLUSIVE_ON inside out, and takes no such range from others.
bool is_inside_out(const image::SyscallDispatch& state) {
  return state.offset() != 0 && state.offset() + state.length() <= state.offset();
}

class SyscallDispatchKind final : public AttributeKind<image::SyscallDispatch, Level::kTask> {
 public:
  Reading<image::SyscallDispatch> describe(DescribeContext&, const TaskView& task, tracee::Batch&) const override {
    auto dispatch = tracee::ptrace::syscall_dispatch(task.thread());
    return [dispatch]() -> std::optional<image::SyscallDispatch> {
      if (!dispatch) return {};
      image::SyscallDispatch state;
      state.set_selector(dispatch->selector);
      state.set_offset(dispatch->offset);
      state.set_length(dispatch->length);
      return state;
    };
  }

  void apply(RestoreContext&, const image::SyscallDispatch& state, RestoredTask& task) const override {
    if (is_inside_out(state)) {
      task.room(1).call(SYS_prctl, kSetDispatch, kInclusive, state.offset() + state.length(), -state.length(),
                        state.selector());
    } else {
      task.room(1).call(SYS_prctl, kSetDispatch, kExclusive, state.offset(), state.length(), state.selector());
    }
  }

  void check(CheckContext& context, const image::SyscallDispatch&) const override {
    if (kernel::call("prctl(PR_SET_SYSCALL_USER_DISPATCH)", SYS_prctl, kSetDispatch, kOff, 0, 0, 0) < 0)
      context.add({"the kernel", "to dispatch system calls to a program (Linux 5.11)", false, "it can't"});
  }
};

}  // namespace

const Kind& syscall_dispatch_kind() {
  static const SyscallDispatchKind kKind;
  return kKind;
}

}  // namespace cairn::resources
