// personality(2): flags of a task that change how system calls behave (ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC ...).
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/process/personality.pb.h"

namespace cairn::resources {
namespace {

class PersonalityKind final : public AttributeKind<image::Personality, Level::kTask> {
 public:
  Reading<image::Personality> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    constexpr uint32_t kOnlyAsk = ~uint32_t{0};
    auto persona = batch.call(SYS_personality, kOnlyAsk);
    return [persona] {
      image::Personality state;
      state.set_persona(static_cast<uint32_t>(persona.value()));
      return std::optional(state);
    };
  }

  void apply(RestoreContext&, const image::Personality& state, RestoredTask& task) const override {
    task.room(1).call(SYS_personality, state.persona());
  }
};

}  // namespace

const Kind& personality_kind() {
  static const PersonalityKind kKind;
  return kKind;
}

}  // namespace cairn::resources
