// rt_sigaction(2): what a signal does, for each of the 64. Only the process itself can ask, so it is read in a batch. A
// new task has the default for all, so that only others are set. Setting "ignore" throws away what is pending: pending
// signals come afterwards. Children that die during a restore must not find SIGCHLD ignored, nor run a handler.
#include <sys/syscall.h>

#include "kernel/signals.h"
#include "resources/kind.h"
#include "resources/process/sigactions.pb.h"

namespace cairn::resources {
namespace {

using kernel::kSignals, kernel::SignalAction;

bool can_have_action(int signal) { return signal != SIGKILL && signal != SIGSTOP; }

class SigActionsKind final : public AttributeKind<image::SigActions, Level::kSigHand> {
 public:
  Reading<image::SigActions> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    std::vector<std::pair<int, tracee::Out<SignalAction>>> results;
    for (int signal = 1; signal <= kSignals; ++signal) {
      if (!can_have_action(signal)) continue;
      room(batch, 1, sizeof(SignalAction));
      auto out = batch.out<SignalAction>();
      batch.call(SYS_rt_sigaction, signal, 0, out, sizeof(SignalAction::mask));
      results.emplace_back(signal, out);
    }
    return [results] { return std::optional(collect(results)); };
  }

  void apply(RestoreContext&, const image::SigActions& state, RestoredTask& task) const override {
    for (const image::SigAction& action : state.actions()) {
      SignalAction wanted{action.handler(), action.flags(), action.restorer(), action.mask()};
      tracee::Batch& batch = task.room(1, sizeof(wanted));
      batch.call(SYS_rt_sigaction, action.signal(), batch.put(wanted), 0, sizeof(wanted.mask));
    }
  }

 private:
  static image::SigActions collect(const std::vector<std::pair<int, tracee::Out<SignalAction>>>& results) {
    image::SigActions state;
    for (const auto& [signal, out] : results) {
      SignalAction action = out.value();
      if (action == SignalAction{}) continue;
      image::SigAction& entry = *state.add_actions();
      entry.set_signal(static_cast<uint32_t>(signal));
      entry.set_handler(action.handler);
      entry.set_flags(action.flags);
      entry.set_restorer(action.restorer);
      entry.set_mask(action.mask);
    }
    return state;
  }
};

}  // namespace

const Kind& sigactions_kind() {
  static const SigActionsKind kKind;
  return kKind;
}

}  // namespace cairn::resources
