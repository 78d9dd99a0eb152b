// prctl(2) PR_SET_THP_DISABLE: whether an address space gets transparent huge pages.
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "kernel/constants.h"
#include "resources/kind.h"
#include "resources/process/thp_disable.pb.h"

namespace cairn::resources {
namespace {

class ThpDisableKind final : public AttributeKind<image::ThpDisable, Level::kMm> {
 public:
  Reading<image::ThpDisable> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    auto mode = batch.try_call(SYS_prctl, PR_GET_THP_DISABLE, 0, 0, 0, 0);
    return [mode]() -> std::optional<image::ThpDisable> {
      if (mode.failed()) return {};  // a kernel without transparent huge pages
      image::ThpDisable state;
      state.set_disabled(mode.value() != 0);
      state.set_except_advised((mode.value() & kernel::kThpDisableExceptAdvised) != 0);
      return state;
    };
  }

  void apply(RestoreContext&, const image::ThpDisable& state, RestoredTask& task) const override {
    unsigned flags = state.except_advised() ? kernel::kThpDisableExceptAdvised : 0;
    task.room(1).call(SYS_prctl, PR_SET_THP_DISABLE, state.disabled() ? 1 : 0, flags, 0, 0);
  }
};

}  // namespace

const Kind& thp_disable_kind() {
  static const ThpDisableKind kKind;
  return kKind;
}

}  // namespace cairn::resources
