#include "resources/memory_nodes.h"

#include "kernel/calls.h"

namespace cairn::resources {

NodeNumbers numbers_of(const NodeMask& mask) {
  NodeNumbers nodes;
  for (uint32_t node = 0; node < kMostNodes; ++node)
    if ((mask.at(node / kBitsOfNodes) >> (node % kBitsOfNodes) & 1) != 0) nodes.Add(node);
  return nodes;
}

NodeMask mask_of(const NodeNumbers& nodes) {
  NodeMask mask{};
  for (uint32_t node : nodes) mask.at(node / kBitsOfNodes) |= uint64_t{1} << (node % kBitsOfNodes);
  return mask;
}

void check_nodes(CheckContext& context, const NodeNumbers& nodes, const std::string& what) {
  for (uint32_t node : nodes)
    if (!kernel::try_stat_at(AT_FDCWD, fmt::format("/sys/devices/system/node/node{}", node)))
      context.add(
          {fmt::format("memory node {}", node), fmt::format("to be there: {} shall be on it", what), false, "none"});
}

}  // namespace cairn::resources
