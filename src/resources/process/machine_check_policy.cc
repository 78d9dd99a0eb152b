// prctl(2) PR_MCE_KILL: when a task hears of broken memory that it has mapped.
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/process/machine_check_policy.pb.h"

namespace cairn::resources {
namespace {

class MachineCheckPolicyKind final : public AttributeKind<image::MachineCheckPolicy, Level::kTask> {
 public:
  Reading<image::MachineCheckPolicy> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    auto policy = batch.call(SYS_prctl, PR_MCE_KILL_GET, 0, 0, 0, 0);
    return [policy] {
      image::MachineCheckPolicy state;
      state.set_policy(static_cast<image::MachineCheckPolicy::Policy>(policy.value()));
      return std::optional(state);
    };
  }

  void apply(RestoreContext&, const image::MachineCheckPolicy& state, RestoredTask& task) const override {
    if (state.policy() == image::MachineCheckPolicy::DEFAULT)
      task.room(1).call(SYS_prctl, PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0);
    else
      task.room(1).call(SYS_prctl, PR_MCE_KILL, PR_MCE_KILL_SET, static_cast<int>(state.policy()), 0, 0);
  }
};

}  // namespace

const Kind& machine_check_policy_kind() {
  static const MachineCheckPolicyKind kKind;
  return kKind;
}

}  // namespace cairn::resources
