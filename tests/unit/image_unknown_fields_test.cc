// What this program doesn't know in a record is found wherever it is.
#include "image/options.pb.h"
#include "image_fixture.h"

namespace cairn::image {
namespace {

using google::protobuf::Message;

template <typename State>
bool has_unknown(const State& state) {
  return State::schema().has_unknown(state);
}

void add_unknown(Message& message) { message.GetReflection()->MutableUnknownFields(&message)->AddVarint(12345, 1); }

TEST(ImageUnknownFields, KnownMessagesHaveNone) {
  Trailer trailer;
  EXPECT_FALSE(has_unknown(trailer));
  trailer.set_uuid("x");
  trailer.add_files()->set_name("y");
  EXPECT_FALSE(has_unknown(trailer));
}

TEST(ImageUnknownFields, AtTheTopAndInside) {
  Head head;
  add_unknown(*head.mutable_host());
  EXPECT_TRUE(has_unknown(head));
  head.clear_host();
  EXPECT_FALSE(has_unknown(head));
  add_unknown(head);
  EXPECT_TRUE(has_unknown(head));
}

TEST(ImageUnknownFields, InOneOfMany) {
  Trailer trailer;
  for (int i = 0; i < 3; ++i) trailer.add_files();
  EXPECT_FALSE(has_unknown(trailer));
  add_unknown(*trailer.mutable_files(2));
  EXPECT_TRUE(has_unknown(trailer));
}

TEST(ImageUnknownFields, SurviveTheWayThroughBytes) {
  Head head;
  add_unknown(*head.mutable_host());
  Head parsed;
  ASSERT_TRUE(parsed.ParseFromString(head.SerializeAsString()));
  EXPECT_TRUE(has_unknown(parsed));
}

TEST(ImageUnknownFields, EnumValues) {
  Needs needs;
  needs.set_mine(SEALED);
  EXPECT_FALSE(has_unknown(needs));
  needs.set_its(static_cast<Milestone>(99));
  EXPECT_TRUE(has_unknown(needs));
}

}  // namespace
}  // namespace cairn::image
