// arch_prctl(2) ARCH_ENABLE_TAGGED_ADDR, Linux 6.2: linear address masking of x86-64, where the processor ignores upper
// bits of pointers. /proc/PID/status shows the mask since then. Refused.
#include "resources/kind.h"
#include "resources/process/address_tagging.pb.h"

namespace cairn::resources {
namespace {

class AddressTaggingKind final : public RefusedAttributeKind<image::AddressTagging, Level::kMm> {
 public:
  void refuse(DescribeContext& context, const TaskView& task) const override {
    constexpr const char* kMask = "untag_mask";
    if (task.status().has(kMask) && task.status().hex(kMask) != ~uint64_t{0}) {
      context.obstacle("its processor ignores tags in addresses (linear address masking)",
                       "run it without tagged addresses", "processor state");
    }
  }
};

}  // namespace

const Kind& address_tagging_kind() {
  static const AddressTaggingKind kKind;
  return kKind;
}

}  // namespace cairn::resources
