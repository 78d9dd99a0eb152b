// prctl(2) PR_SET_SPECULATION_CTRL: what a task forbids the CPU to speculate about. Only features that can be
// controlled for each task have an entry; a task that forbids one needs a host where it can be controlled, too.
#include <linux/prctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>

#include "resources/kind.h"
#include "resources/process/speculation.pb.h"

namespace cairn::resources {
namespace {

using image::SpeculationControl;

constexpr auto kFeatures = std::to_array(
    {SpeculationControl::STORE_BYPASS, SpeculationControl::INDIRECT_BRANCH, SpeculationControl::L1D_FLUSH});

// PR_SPEC_PRCTL is set where the feature can be controlled for each task.
long own_mode(SpeculationControl::Feature feature) {
  static const auto kModes = [] {
    std::array<long, kFeatures.size()> modes{};
    for (auto one : kFeatures)
      modes.at(one) = kernel::call("prctl(PR_GET_SPECULATION_CTRL)", SYS_prctl, PR_GET_SPECULATION_CTRL, one);
    return modes;
  }();
  return kModes.at(static_cast<size_t>(feature));
}

constexpr long kControllable = PR_SPEC_PRCTL, kAllowed = PR_SPEC_ENABLE, kForbiddenForGood = PR_SPEC_FORCE_DISABLE;

bool is_controllable(long mode) { return mode > 0 && (mode & kControllable) != 0; }

class SpeculationKind final : public AttributeKind<image::Speculation, Level::kTask> {
 public:
  Reading<image::Speculation> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    std::vector<tracee::Pending> modes;
    for (auto feature : kFeatures)
      modes.push_back(batch.try_call(SYS_prctl, PR_GET_SPECULATION_CTRL, static_cast<int>(feature), 0, 0, 0));
    return [modes]() -> std::optional<image::Speculation> {
      image::Speculation state;
      for (size_t i = 0; i < modes.size(); ++i) {
        if (!is_controllable(modes[i].value())) continue;
        SpeculationControl& control = *state.add_controls();
        control.set_feature(kFeatures.at(i));
        control.set_mode(static_cast<uint32_t>(modes[i].value()) & ~static_cast<uint32_t>(kControllable));
      }
      return state.controls().empty() ? std::nullopt : std::optional(state);
    };
  }

  void apply(RestoreContext&, const image::Speculation& state, RestoredTask& task) const override {
    for (const SpeculationControl& control : state.controls()) {
      long own = own_mode(control.feature());
      if (!is_controllable(own) || own == (kControllable | mode_of(control))) continue;
      task.room(1).call(SYS_prctl, PR_SET_SPECULATION_CTRL, static_cast<int>(control.feature()), control.mode(), 0, 0);
    }
  }

  void check(CheckContext& context, const image::Speculation& state) const override {
    for (const SpeculationControl& control : state.controls()) {
      long own = own_mode(control.feature());
      std::string name = SpeculationControl::Feature_Name(control.feature());
      bool forbids = mode_of(control) != kAllowed;
      if (forbids && !is_controllable(own) && own != PR_SPEC_NOT_AFFECTED)
        context.add({"CPU", "control of speculation for each task: " + name, false, "it can't be controlled here"});
      if (!forbids && own == (kControllable | kForbiddenForGood))
        context.add({"cairn", "speculation that is not forbidden: " + name, false, "forbidden for cairn itself"});
    }
  }

 private:
  static long mode_of(const SpeculationControl& control) { return static_cast<long>(control.mode()); }
};

}  // namespace

const Kind& speculation_kind() {
  static const SpeculationKind kKind;
  return kKind;
}

}  // namespace cairn::resources
