// Sets of NUMA nodes, as set_mempolicy(2) and mbind(2) take them: bit masks.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "google/protobuf/repeated_field.h"
#include "resources/kind.h"

namespace cairn::resources {

constexpr uint32_t kMostNodes = 1024, kBitsOfNodes = 64;
using NodeMask = std::array<uint64_t, kMostNodes / kBitsOfNodes>;
using NodeNumbers = google::protobuf::RepeatedField<uint32_t>;

NodeNumbers numbers_of(const NodeMask& mask);
NodeMask mask_of(const NodeNumbers& nodes);
// Each must be there; `what` is to be on them.
void check_nodes(CheckContext& context, const NodeNumbers& nodes, const std::string& what);

}  // namespace cairn::resources
