// /proc/PID/coredump_filter, core(5): which sorts of mappings a core dump has, one bit each. It belongs to the address
// space. Empty where the kernel makes no core dumps.
#include <charconv>

#include "resources/kind.h"
#include "resources/process/coredump_filter.pb.h"

namespace cairn::resources {
namespace {

class CoredumpFilterKind final : public AttributeKind<image::CoredumpFilter, Level::kMm> {
 public:
  Reading<image::CoredumpFilter> describe(DescribeContext&, const TaskView& task, tracee::Batch&) const override {
    std::optional<image::CoredumpFilter> state;
    if (auto text = task.process().proc.try_read("coredump_filter"); text && !text->empty()) {
      uint32_t mappings = 0;
      std::from_chars(text->data(), text->data() + text->size(), mappings, 16);
      state.emplace().set_mappings(mappings);
    }
    return [state] { return state; };
  }

  void apply(RestoreContext&, const image::CoredumpFilter& state, RestoredTask& task) const override {
    std::string text = fmt::format("{:#x}", state.mappings());
    OwnedFd file = kernel::open(fmt::format("/proc/{}/coredump_filter", task.process().value), O_WRONLY);
    kernel::write_all(file.get(), text.data(), text.size());
  }
};

}  // namespace

const Kind& coredump_filter_kind() {
  static const CoredumpFilterKind kKind;
  return kKind;
}

}  // namespace cairn::resources
