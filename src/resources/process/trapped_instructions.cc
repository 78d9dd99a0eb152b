// Instructions that raise SIGSEGV in a task because it asked for that: reading the time stamp counter (prctl(2)
// PR_SET_TSC) and CPUID (arch_prctl(2) ARCH_SET_CPUID, on CPUs that can fault it).
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/process/trapped_instructions.pb.h"

namespace cairn::resources {
namespace {

constexpr int kGetCpuid = 0x1011, kSetCpuid = 0x1012;  // ARCH_GET_CPUID, ARCH_SET_CPUID

class TrappedInstructionsKind final : public AttributeKind<image::TrappedInstructions, Level::kTask> {
 public:
  Reading<image::TrappedInstructions> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    auto time_stamp = batch.out<int>();
    batch.call(SYS_prctl, PR_GET_TSC, time_stamp, 0, 0, 0);
    auto cpuid = batch.call(SYS_arch_prctl, kGetCpuid, 0);
    return [time_stamp, cpuid] {
      image::TrappedInstructions state;
      state.set_time_stamp(time_stamp.value() == PR_TSC_SIGSEGV);
      state.set_cpuid(cpuid.value() == 0);
      return std::optional(state);
    };
  }

  void apply(RestoreContext&, const image::TrappedInstructions& state, RestoredTask& task) const override {
    task.room(2).call(SYS_prctl, PR_SET_TSC, state.time_stamp() ? PR_TSC_SIGSEGV : PR_TSC_ENABLE, 0, 0, 0);
    if (traps_cpuid() != state.cpuid()) task.batch().call(SYS_arch_prctl, kSetCpuid, state.cpuid() ? 0 : 1);
  }

  void check(CheckContext& context, const image::TrappedInstructions& state) const override {
    bool can_set = kernel::call("arch_prctl", SYS_arch_prctl, kSetCpuid, traps_cpuid() ? 0 : 1) == 0;
    if (state.cpuid() != traps_cpuid() && !can_set)
      context.add({"CPU", "to be able to fault CPUID, which a task asked for", false, "it can't"});
  }

 private:
  static bool traps_cpuid() { return kernel::call("arch_prctl", SYS_arch_prctl, kGetCpuid) == 0; }
};

}  // namespace

const Kind& trapped_instructions_kind() {
  static const TrappedInstructionsKind kKind;
  return kKind;
}

}  // namespace cairn::resources
