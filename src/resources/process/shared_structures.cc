// Structures that tasks share and that have no state of their own beside the attributes that hang on them: file system
// state (fs_struct) and signal dispositions (sighand_struct).
#include "resources/kind.h"

namespace cairn::resources {
namespace {

template <typename State, Level kLevel>
class BareStructureKind final : public TypedKind<State>, public AnyStructureKind {
 public:
  graph::Shape shape() const override { return graph::Shape::kShared; }
  Level level() const override { return kLevel; }
  AnyReading describe_any(DescribeContext&, const TaskView&, tracee::Batch&) const override {
    return [] { return std::make_unique<State>(); };
  }
  void reach(RestoreContext&, const Record&, Milestone) const override {}
};

}  // namespace

const Kind& fs_state_kind() {
  static const BareStructureKind<image::FsState, Level::kFs> kKind;
  return kKind;
}

const Kind& sighand_kind() {
  static const BareStructureKind<image::SigHand, Level::kSigHand> kKind;
  return kKind;
}

}  // namespace cairn::resources
