// What this program doesn't know in a record is found wherever it is.
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/struct.pb.h>

#include "image/options.pb.h"
#include "image_fixture.h"

namespace cairn::image {
namespace {

using google::protobuf::FieldDescriptorProto;
using google::protobuf::Message;

void add_unknown(Message& message) { message.GetReflection()->MutableUnknownFields(&message)->AddVarint(12345, 1); }

TEST(ImageUnknownFields, KnownMessagesHaveNone) {
  Trailer trailer;
  EXPECT_FALSE(has_unknown_fields(trailer));
  trailer.set_uuid("x");
  trailer.add_files()->set_name("y");
  EXPECT_FALSE(has_unknown_fields(trailer));
}

TEST(ImageUnknownFields, AtTheTopAndInside) {
  Head head;
  add_unknown(*head.mutable_host());
  EXPECT_TRUE(has_unknown_fields(head));
  head.clear_host();
  EXPECT_FALSE(has_unknown_fields(head));
  add_unknown(head);
  EXPECT_TRUE(has_unknown_fields(head));
}

TEST(ImageUnknownFields, InOneOfMany) {
  Trailer trailer;
  for (int i = 0; i < 3; ++i) trailer.add_files();
  EXPECT_FALSE(has_unknown_fields(trailer));
  add_unknown(*trailer.mutable_files(2));
  EXPECT_TRUE(has_unknown_fields(trailer));
}

TEST(ImageUnknownFields, SurviveTheWayThroughBytes) {
  Head head;
  add_unknown(*head.mutable_host());
  Head parsed;
  ASSERT_TRUE(parsed.ParseFromString(head.SerializeAsString()));
  EXPECT_TRUE(has_unknown_fields(parsed));
}

TEST(ImageUnknownFields, EnumValues) {
  Needs needs;
  needs.set_mine(SEALED);
  EXPECT_FALSE(has_unknown_fields(needs));
  needs.set_its(static_cast<Milestone>(99));
  EXPECT_TRUE(has_unknown_fields(needs));
}

TEST(ImageUnknownFields, InMaps) {
  google::protobuf::Struct map;
  google::protobuf::Value value;
  value.set_null_value(google::protobuf::NULL_VALUE);
  (*map.mutable_fields())["a"] = value;
  EXPECT_FALSE(has_unknown_fields(map));
  value.set_null_value(static_cast<google::protobuf::NullValue>(7));
  (*map.mutable_fields())["b"] = value;
  EXPECT_TRUE(has_unknown_fields(map));
}

// No schema of ours has a repeated enum yet, so this one is made here.
TEST(ImageUnknownFields, RepeatedEnumValues) {
  google::protobuf::FileDescriptorProto file;
  file.set_name("test.proto");
  file.set_syntax("proto3");
  auto& color = *file.add_enum_type();
  color.set_name("Color");
  auto& red = *color.add_value();
  red.set_name("RED");
  red.set_number(0);
  auto& type = *file.add_message_type();
  type.set_name("Palette");
  auto& field = *type.add_field();
  field.set_name("colors");
  field.set_number(1);
  field.set_label(FieldDescriptorProto::LABEL_REPEATED);
  field.set_type(FieldDescriptorProto::TYPE_ENUM);
  field.set_type_name("Color");
  google::protobuf::DescriptorPool pool;
  const auto* palette = pool.BuildFile(file)->message_type(0);
  google::protobuf::DynamicMessageFactory factory;
  std::unique_ptr<Message> message(factory.GetPrototype(palette)->New());
  message->GetReflection()->AddEnumValue(message.get(), palette->field(0), 0);
  EXPECT_FALSE(has_unknown_fields(*message));
  message->GetReflection()->AddEnumValue(message.get(), palette->field(0), 5);
  EXPECT_TRUE(has_unknown_fields(*message));
}

}  // namespace
}  // namespace cairn::image
