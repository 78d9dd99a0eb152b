#include "graph/references.h"

#include <optional>
#include <unordered_map>

namespace cairn::graph {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::optional<ReferenceType> reference_type(const Descriptor* descriptor) {
  if (descriptor == image::Ref::descriptor()) return ReferenceType::kRef;
  if (descriptor == image::Late::descriptor()) return ReferenceType::kLate;
  if (descriptor == image::Link::descriptor()) return ReferenceType::kLink;
  return std::nullopt;
}

// Whether messages of this type can hold a reference at all: most can't, and large ones are then never walked.
bool may_hold_references(const Descriptor* descriptor) {
  thread_local std::unordered_map<const Descriptor*, bool> known;
  if (auto place = known.find(descriptor); place != known.end()) return place->second;
  known[descriptor] = false;  // ends the recursion of a self-containing type
  bool holds = false;
  for (int i = 0; i < descriptor->field_count() && !holds; ++i) {
    const Descriptor* inner = descriptor->field(i)->message_type();
    holds = inner != nullptr && (reference_type(inner) || may_hold_references(inner));
  }
  return known[descriptor] = holds;
}

RecordId target_of(const Message& reference) {
  const FieldDescriptor* id = reference.GetDescriptor()->FindFieldByNumber(1);
  return {reference.GetReflection()->GetUInt64(reference, id)};
}

void visit_field(const Message& inner, const FieldDescriptor* field,
                 const std::function<void(const Reference&)>& visit) {
  if (auto type = reference_type(inner.GetDescriptor())) {
    visit({*type, target_of(inner), field});
  } else {
    for_each_reference(inner, visit);
  }
}

}  // namespace

void for_each_reference(const Message& message, const std::function<void(const Reference&)>& visit) {
  const Descriptor* descriptor = message.GetDescriptor();
  if (!may_hold_references(descriptor)) return;
  const google::protobuf::Reflection* reflection = message.GetReflection();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    const Descriptor* inner = field->message_type();
    if (inner == nullptr || (!reference_type(inner) && !may_hold_references(inner))) continue;
    if (field->is_repeated()) {
      for (int n = 0; n < reflection->FieldSize(message, field); ++n) {
        visit_field(reflection->GetRepeatedMessage(message, field, n), field, visit);
      }
    } else if (reflection->HasField(message, field)) {
      visit_field(reflection->GetMessage(message, field), field, visit);
    }
  }
}

Order order_of(const Reference& reference) {
  if (reference.field->options().HasExtension(image::needs)) {
    const image::Needs& needs = reference.field->options().GetExtension(image::needs);
    return {needs.mine(), needs.its()};
  }
  switch (reference.type) {
    case ReferenceType::kRef:
      return {image::MADE, image::MADE};
    case ReferenceType::kLate:
      return {image::CONNECTED, image::MADE};
    case ReferenceType::kLink:
      break;
  }
  return {image::UNSPECIFIED, image::UNSPECIFIED};
}

Order reverse_order_of(const Reference& reference) {
  if (!reference.field->options().HasExtension(image::precedes)) return {image::UNSPECIFIED, image::UNSPECIFIED};
  const image::Needs& precedes = reference.field->options().GetExtension(image::precedes);
  return {precedes.mine(), precedes.its()};
}

}  // namespace cairn::graph
