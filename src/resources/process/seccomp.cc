// seccomp(2): strict mode and filters, which can only be added, never taken away. Refused.
#include "resources/kind.h"
#include "resources/process/seccomp.pb.h"

namespace cairn::resources {
namespace {

class SeccompKind final : public AttributeKind<image::Seccomp, Level::kTask> {
 public:
  Reading<image::Seccomp> describe(DescribeContext& context, const TaskView& task, tracee::Batch&) const override {
    constexpr uint64_t kStrict = 1;
    if (uint64_t mode = task.status().number("Seccomp"); mode != 0)
      context.obstacle(fmt::format("thread {} is {}", task.thread().value,
                                   mode == kStrict ? "in seccomp's strict mode" : "under a seccomp filter"),
                       "start it without its sandbox", "seccomp");
    return [] { return std::nullopt; };
  }

  void apply(RestoreContext&, const image::Seccomp&, RestoredTask&) const override {}
};

}  // namespace

const Kind& seccomp_kind() {
  static const SeccompKind kKind;
  return kKind;
}

}  // namespace cairn::resources
