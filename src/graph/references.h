// Finds the references of a record by reflection, so that a kind never registers its edges twice.
#pragma once

#include <google/protobuf/message.h>

#include <functional>

#include "base/ids.h"
#include "image/options.pb.h"

namespace cairn::graph {

// Ref: my made needs its made. Late: my connected needs its made. Link: no order. A field's (needs) option replaces the
// former two.
enum class ReferenceType { kRef, kLate, kLink };

struct Reference {
  ReferenceType type;
  RecordId target;  // 0: none
  const google::protobuf::FieldDescriptor* field;
};

// Every Ref, Late and Link in the message, also in nested and repeated ones.
void for_each_reference(const google::protobuf::Message& message, const std::function<void(const Reference&)>& visit);

// The milestones that a reference orders: {mine, its}; UNSPECIFIED for a Link.
struct Order {
  image::Milestone mine, its;
};
Order order_of(const Reference& reference);
// The same for the (precedes) option: its `its` needs my `mine`.
Order reverse_order_of(const Reference& reference);

}  // namespace cairn::graph
