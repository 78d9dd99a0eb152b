// prctl(2) PR_SET_PDEATHSIG: the signal that a task gets when the thread that made it ends. A change of credentials
// clears it.
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/process/parent_death_signal.pb.h"

namespace cairn::resources {
namespace {

class ParentDeathSignalKind final : public AttributeKind<image::ParentDeathSignal, Level::kTask> {
 public:
  Reading<image::ParentDeathSignal> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    auto signal = batch.out<int>();
    batch.call(SYS_prctl, PR_GET_PDEATHSIG, signal, 0, 0, 0);
    return [signal] {
      image::ParentDeathSignal state;
      state.set_signal(signal.value());
      return std::optional(state);
    };
  }

  void apply(RestoreContext&, const image::ParentDeathSignal& state, RestoredTask& task) const override {
    task.room(1).call(SYS_prctl, PR_SET_PDEATHSIG, state.signal(), 0, 0, 0);
  }
};

}  // namespace

const Kind& parent_death_signal_kind() {
  static const ParentDeathSignalKind kKind;
  return kKind;
}

}  // namespace cairn::resources
