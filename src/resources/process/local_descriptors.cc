// modify_ldt(2): a descriptor table of an address space's own, which emulators of 16-bit and 32-bit code use. Refused.
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/process/local_descriptors.pb.h"

namespace cairn::resources {
namespace {

class LocalDescriptorsKind final : public AttributeKind<image::LocalDescriptors, Level::kMm> {
 public:
  Reading<image::LocalDescriptors> describe(DescribeContext& context, const TaskView&,
                                            tracee::Batch& batch) const override {
    constexpr int kRead = 0;
    auto first = batch.out<uint64_t>();
    auto size = batch.try_call(SYS_modify_ldt, kRead, first, sizeof(uint64_t));
    return [&context, size]() -> std::optional<image::LocalDescriptors> {
      if (!size.failed() && static_cast<int>(size.value()) > 0)
        context.obstacle("it has segments of its own (modify_ldt)", "end what emulates 16-bit or 32-bit code",
                         "processor state");
      return {};
    };
  }

  void apply(RestoreContext&, const image::LocalDescriptors&, RestoredTask&) const override {}
};

}  // namespace

const Kind& local_descriptors_kind() {
  static const LocalDescriptorsKind kKind;
  return kKind;
}

}  // namespace cairn::resources
