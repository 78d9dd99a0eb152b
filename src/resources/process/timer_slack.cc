// prctl(2) PR_SET_TIMERSLACK: how late the kernel may wake a task so that it can join wake-ups, and the value to which
// a slack of 0 resets it, which is the slack that its creator had when it was born. Read by the task itself, since
// /proc/TID/timerslack_ns asks for privilege.
//
// The reset value shows only by a reset. It is done and undone within one batch, which runs to its end even when cairn
// is killed meanwhile. It comes back by giving the creator that slack for the moment of birth. A real-time task has a
// slack of 0 by its policy and doesn't show its reset value; it becomes the kernel's own.
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/process/timer_slack.pb.h"

namespace cairn::resources {
namespace {

constexpr uint64_t kKernelsDefault = 50'000;  // of init_task

class TimerSlackKind final : public AttributeKind<image::TimerSlack, Level::kTask>, public BornWith {
 public:
  // Any number is a slack, also what looks like an error.
  Reading<image::TimerSlack> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    auto slack = batch.try_call(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0);
    batch.try_call(SYS_prctl, PR_SET_TIMERSLACK, 0, 0, 0, 0);
    auto reset = batch.try_call(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0);
    batch.try_call(SYS_prctl, PR_SET_TIMERSLACK, slack, 0, 0, 0);
    return [slack, reset] {
      image::TimerSlack state;
      state.set_nanoseconds(static_cast<uint64_t>(slack.value()));
      if (reset.value() != 0) state.set_default_nanoseconds(static_cast<uint64_t>(reset.value()));
      return std::optional(state);
    };
  }

  void before_birth(RestoreContext&, const Record& record, RestoredTask* creator) const override {
    const auto& state = record.as<image::TimerSlack>();
    uint64_t slack = state.has_default_nanoseconds() ? state.default_nanoseconds() : kKernelsDefault;
    if (creator == nullptr) {
      kernel::checked("PR_SET_TIMERSLACK", SYS_prctl, PR_SET_TIMERSLACK, static_cast<long>(slack));
    } else {
      creator->room(1).call(SYS_prctl, PR_SET_TIMERSLACK, slack, 0, 0, 0);
    }
  }

  void apply(RestoreContext&, const image::TimerSlack& state, RestoredTask& task) const override {
    if (state.nanoseconds() != 0) task.room(1).call(SYS_prctl, PR_SET_TIMERSLACK, state.nanoseconds(), 0, 0, 0);
  }
};

}  // namespace

const Kind& timer_slack_kind() {
  static const TimerSlackKind kKind;
  return kKind;
}

}  // namespace cairn::resources
