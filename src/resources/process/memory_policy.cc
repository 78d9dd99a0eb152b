// set_mempolicy(2): on which NUMA nodes a task's new memory shall be. Each node that it names is a precondition.
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/memory_nodes.h"
#include "resources/process/memory_policy.pb.h"

namespace cairn::resources {
namespace {

class MemoryPolicyKind final : public AttributeKind<image::MemoryPolicy, Level::kTask> {
 public:
  Reading<image::MemoryPolicy> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    auto mode = batch.out<uint32_t>();
    auto nodes = batch.out<NodeMask>();
    auto known = batch.try_call(SYS_get_mempolicy, mode, nodes, kMostNodes, 0, 0);
    return [known, mode, nodes]() -> std::optional<image::MemoryPolicy> {
      if (known.failed()) return {};  // a kernel without NUMA
      image::MemoryPolicy state;
      state.set_mode(mode.value());
      *state.mutable_nodes() = numbers_of(nodes.value());
      return state;
    };
  }

  void apply(RestoreContext&, const image::MemoryPolicy& state, RestoredTask& task) const override {
    tracee::Batch& batch = task.room(1, sizeof(NodeMask));
    // The kernel takes one bit less than it is told.
    if (state.nodes().empty())
      batch.call(SYS_set_mempolicy, state.mode(), 0, 0);
    else
      batch.call(SYS_set_mempolicy, state.mode(), batch.put(mask_of(state.nodes())), kMostNodes);
  }

  void check(CheckContext& context, const image::MemoryPolicy& state) const override {
    check_nodes(context, state.nodes(), "a task's memory");
  }
};

}  // namespace

const Kind& memory_policy_kind() {
  static const MemoryPolicyKind kKind;
  return kKind;
}

}  // namespace cairn::resources
