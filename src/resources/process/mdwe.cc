// prctl(2) PR_SET_MDWE (Linux 6.3): memory that is or was writable can't become executable. It can't be taken back, so
// cairn itself must be without it where the tree is.
#include <sys/syscall.h>

#include "kernel/constants.h"
#include "resources/kind.h"
#include "resources/process/mdwe.pb.h"

namespace cairn::resources {
namespace {

long own_mode() {
  long mode = kernel::call("prctl", SYS_prctl, kernel::kPrGetMdwe);
  return mode > 0 ? mode : 0;
}

class MdweKind final : public AttributeKind<image::Mdwe, Level::kMm> {
 public:
  Reading<image::Mdwe> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    auto mode = batch.try_call(SYS_prctl, kernel::kPrGetMdwe, 0, 0, 0, 0);
    return [mode]() -> std::optional<image::Mdwe> {
      if (mode.failed()) return {};
      image::Mdwe state;
      state.set_refuses_exec_gain((mode.value() & kernel::kMdweRefuseExecGain) != 0);
      state.set_is_not_inherited((mode.value() & kernel::kMdweNoInherit) != 0);
      return state;
    };
  }

  void apply(RestoreContext&, const image::Mdwe& state, RestoredTask& task) const override {
    if (!state.refuses_exec_gain()) return;
    unsigned mode = kernel::kMdweRefuseExecGain | (state.is_not_inherited() ? kernel::kMdweNoInherit : 0);
    task.room(1).call(SYS_prctl, kernel::kPrSetMdwe, mode, 0, 0, 0);
  }

  void check(CheckContext& context, const image::Mdwe&) const override {
    bool inherits = (own_mode() & kernel::kMdweRefuseExecGain) != 0 && (own_mode() & kernel::kMdweNoInherit) == 0;
    if (inherits)
      context.add(
          {"cairn", "to run without PR_SET_MDWE", false, "it may not make memory executable; start it elsewhere"});
  }
};

}  // namespace

const Kind& mdwe_kind() {
  static const MdweKind kKind;
  return kKind;
}

}  // namespace cairn::resources
