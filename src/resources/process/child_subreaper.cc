// prctl(2) PR_SET_CHILD_SUBREAPER: whether orphans among its descendants become children of this process.
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/process/child_subreaper.pb.h"

namespace cairn::resources {
namespace {

class ChildSubreaperKind final : public AttributeKind<image::ChildSubreaper, Level::kProcess> {
 public:
  Reading<image::ChildSubreaper> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    auto reaps = batch.out<int>();
    batch.call(SYS_prctl, PR_GET_CHILD_SUBREAPER, reaps, 0, 0, 0);
    return [reaps] {
      image::ChildSubreaper state;
      state.set_reaps(reaps.value() != 0);
      return std::optional(state);
    };
  }

  void apply(RestoreContext&, const image::ChildSubreaper& state, RestoredTask& task) const override {
    task.room(1).call(SYS_prctl, PR_SET_CHILD_SUBREAPER, state.reaps() ? 1 : 0, 0, 0, 0);
  }
};

}  // namespace

const Kind& child_subreaper_kind() {
  static const ChildSubreaperKind kKind;
  return kKind;
}

}  // namespace cairn::resources
