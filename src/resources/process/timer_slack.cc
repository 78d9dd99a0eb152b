// prctl(2) PR_SET_TIMERSLACK: how late the kernel may wake a task so that it can join wake-ups. Read by the task
// itself, since /proc/TID/timerslack_ns asks for privilege. A real-time task has 0 by its policy. What a slack of 0
// would reset it to (the value at its birth) can't be seen.
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/process/timer_slack.pb.h"

namespace cairn::resources {
namespace {

class TimerSlackKind final : public AttributeKind<image::TimerSlack, Level::kTask> {
 public:
  Reading<image::TimerSlack> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    auto slack = batch.try_call(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0);  // any number, also what looks like an error
    return [slack] {
      image::TimerSlack state;
      state.set_nanoseconds(static_cast<uint64_t>(slack.value()));
      return std::optional(state);
    };
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
