// membarrier(2): which expedited barriers a process has registered to use; without that they fail with EPERM. Asked for
// by MEMBARRIER_CMD_GET_REGISTRATIONS (Linux 6.3); older kernels can't tell, and a program that has registered is not
// recognised.
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/process/membarrier.pb.h"

namespace cairn::resources {
namespace {

constexpr int kGetRegistrations = 1 << 9;

class MembarrierKind final : public AttributeKind<image::Membarrier, Level::kMm> {
 public:
  Reading<image::Membarrier> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    auto registrations = batch.try_call(SYS_membarrier, kGetRegistrations, 0, 0);
    return [registrations]() -> std::optional<image::Membarrier> {
      if (registrations.failed()) return {};
      image::Membarrier state;
      state.set_registrations(static_cast<uint32_t>(registrations.value()));
      return state;
    };
  }

  void apply(RestoreContext&, const image::Membarrier& state, RestoredTask& task) const override {
    for (uint32_t left = state.registrations(); left != 0; left &= left - 1)
      task.room(1).call(SYS_membarrier, left & ~(left - 1), 0, 0);
  }
};

}  // namespace

const Kind& membarrier_kind() {
  static const MembarrierKind kKind;
  return kKind;
}

}  // namespace cairn::resources
