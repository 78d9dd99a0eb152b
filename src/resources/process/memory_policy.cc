// set_mempolicy(2): on which NUMA nodes a task's new memory shall be. Each node that it names is a precondition.
#include <sys/syscall.h>

#include <array>

#include "resources/kind.h"
#include "resources/process/memory_policy.pb.h"

namespace cairn::resources {
namespace {

constexpr uint32_t kMostNodes = 1024, kBits = 64;
using Nodes = std::array<uint64_t, kMostNodes / kBits>;

class MemoryPolicyKind final : public AttributeKind<image::MemoryPolicy, Level::kTask> {
 public:
  Reading<image::MemoryPolicy> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    auto mode = batch.out<uint32_t>();
    auto nodes = batch.out<Nodes>();
    auto known = batch.try_call(SYS_get_mempolicy, mode, nodes, kMostNodes, 0, 0);
    return [known, mode, nodes]() -> std::optional<image::MemoryPolicy> {
      if (known.failed()) return {};  // a kernel without NUMA
      image::MemoryPolicy state;
      state.set_mode(mode.value());
      Nodes set = nodes.value();
      for (uint32_t node = 0; node < kMostNodes; ++node)
        if ((set.at(node / kBits) >> (node % kBits) & 1) != 0) state.add_nodes(node);
      return state;
    };
  }

  void apply(RestoreContext&, const image::MemoryPolicy& state, RestoredTask& task) const override {
    Nodes set{};
    for (uint32_t node : state.nodes()) set.at(node / kBits) |= uint64_t{1} << (node % kBits);
    tracee::Batch& batch = task.room(1, sizeof(set));
    // The kernel takes one bit less than it is told.
    if (state.nodes().empty())
      batch.call(SYS_set_mempolicy, state.mode(), 0, 0);
    else
      batch.call(SYS_set_mempolicy, state.mode(), batch.put(set), kMostNodes);
  }

  void check(CheckContext& context, const image::MemoryPolicy& state) const override {
    for (uint32_t node : state.nodes())
      if (!kernel::try_stat_at(AT_FDCWD, fmt::format("/sys/devices/system/node/node{}", node)))
        context.add(
            {fmt::format("memory node {}", node), "to be there: a task's memory shall be on it", false, "none"});
  }
};

}  // namespace

const Kind& memory_policy_kind() {
  static const MemoryPolicyKind kKind;
  return kKind;
}

}  // namespace cairn::resources
