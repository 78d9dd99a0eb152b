// prctl(2) PR_SET_MEMORY_MERGE (Linux 6.4): whether all of an address space takes part in the merging of equal pages
// (KSM). Setting it needs CAP_SYS_RESOURCE.
#include <linux/capability.h>
#include <sys/syscall.h>

#include "kernel/constants.h"
#include "resources/kind.h"
#include "resources/own_rights.h"
#include "resources/process/memory_merge.pb.h"

namespace cairn::resources {
namespace {

bool own_merge() { return kernel::call("prctl", SYS_prctl, kernel::kPrGetMemoryMerge) > 0; }

class MemoryMergeKind final : public AttributeKind<image::MemoryMerge, Level::kMm> {
 public:
  Reading<image::MemoryMerge> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    auto merges = batch.try_call(SYS_prctl, kernel::kPrGetMemoryMerge, 0, 0, 0, 0);
    return [merges]() -> std::optional<image::MemoryMerge> {
      if (merges.failed()) return {};  // a kernel that doesn't merge
      image::MemoryMerge state;
      state.set_merges(merges.value() != 0);
      return state;
    };
  }

  void apply(RestoreContext&, const image::MemoryMerge& state, RestoredTask& task) const override {
    if (state.merges() != own_merge())
      task.room(1).call(SYS_prctl, kernel::kPrSetMemoryMerge, state.merges() ? 1 : 0, 0, 0, 0);
  }

  void check(CheckContext& context, const image::MemoryMerge& state) const override {
    if (state.merges() == own_merge() || has_capability(CAP_SYS_RESOURCE)) return;
    context.add({"cairn", "the right to let the kernel merge pages of a process (CAP_SYS_RESOURCE)", false, "none"});
  }
};

}  // namespace

const Kind& memory_merge_kind() {
  static const MemoryMergeKind kKind;
  return kKind;
}

}  // namespace cairn::resources
