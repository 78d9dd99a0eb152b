// proto3 keeps what it doesn't know in silence: fields of a newer schema, and numbers of an enum that have no name
// here. Restoring such a record would drop state, so it is looked for.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/unknown_field_set.h>

#include "image/reader.h"

namespace cairn::image {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool is_unknown_enum_value(const FieldDescriptor& field, int number) {
  return field.enum_type()->FindValueByNumber(number) == nullptr;
}

bool has_unknown(const Message& message, const FieldDescriptor& field) {
  const auto& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_ENUM:
      return is_unknown_enum_value(field, reflection.GetEnumValue(message, &field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return has_unknown_fields(reflection.GetMessage(message, &field));
    default:
      return false;
  }
}

// Map fields appear as repeated entry messages here.
bool has_unknown_in_repeated(const Message& message, const FieldDescriptor& field) {
  const auto& reflection = *message.GetReflection();
  auto any = [&](auto&& is_unknown) {
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      if (is_unknown(i)) return true;
    }
    return false;
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_ENUM:
      return any(
          [&](int i) { return is_unknown_enum_value(field, reflection.GetRepeatedEnumValue(message, &field, i)); });
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return any([&](int i) { return has_unknown_fields(reflection.GetRepeatedMessage(message, &field, i)); });
    default:
      return false;
  }
}

}  // namespace

bool has_unknown_fields(const Message& message) {
  const auto& reflection = *message.GetReflection();
  if (!reflection.GetUnknownFields(message).empty()) return true;
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->is_repeated() ? has_unknown_in_repeated(message, *field) : has_unknown(message, *field)) return true;
  }
  return false;
}

}  // namespace cairn::image
