// The bytes of docs/image_format.md. When this test fails the format has changed: images of earlier versions must still
// be read or be refused by name, and the page must say what is new.
#include "image_fixture.h"

namespace cairn::image {
namespace {

using namespace std::string_literals;

std::string little_endian(uint64_t value) {
  std::string bytes;
  for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

std::string one_byte(size_t value) { return {static_cast<char>(value)}; }

std::string with_length(const char* tag, const std::string& bytes) {
  return fmt::format("{}{}{}", tag, static_cast<char>(bytes.size()), bytes);
}

TEST(ImageFormat, IsThatOfThePage) {
  TestDirectory directory;
  const std::string uuid = "00112233-4455-4677-8899-aabbccddeeff";
  const std::vector<std::byte> pages = page_pattern(2, 1);
  {
    Writer writer = Writer::create(directory / "a.cairn", Existing::kRefuse);
    Head head;
    head.set_uuid(uuid);
    head.set_created_ns(1);
    head.set_cairn_version("0.1.0");
    head.set_command("sleep");
    head.set_root(1);
    head.mutable_host()->set_machine("x86_64");
    writer.set_head(head);
    HostFacts body;
    body.set_xstate_size(7);
    writer.add_record({1}, "process", {}, body);
    writer.add_record({300}, "timer", {1}, body);
    writer.pages().append(pages);
    writer.pages().append(pages);
    writer.commit();
  }
  const std::string head =
      "CAIRNHED\x08\x01\x12\x24"s + uuid + "\x18\x01\x22\x05"s + "0.1.0\x32\x05sleep\x38\x01\x42\x08\x12\x06x86_64"s;
  const std::string records =
      "CAIRNREC"
      "\x0f\x08\x01\x12\x07process\x22\x02\x20\x07"
      "\x10\x08\xac\x02\x12\x05timer\x18\x01\x22\x02\x20\x07"s;
  const std::string frame_digest = little_endian(digest(std::span(pages)));
  const std::string index =
      "CAIRNIDX\x0a\x03\x00\x80\x40\x12\x04\x80\x40\x80\x40\x1a\x10"s + frame_digest + frame_digest;
  std::string trailer = "\x0a\x24"s + uuid + "\x10\x02";
  auto add_file = [&](const std::string& name, const std::string& size, const std::string& covered) {
    const std::string entry = with_length("\x0a", name) + "\x10" + size + "\x19" + little_endian(digest(covered));
    trailer += with_length("\x1a", entry);
  };
  add_file("head", one_byte(head.size()), head);
  add_file("records", one_byte(records.size()), records);
  add_file("pages-0", "\x80\x80\x01", index);
  add_file("pages-index", one_byte(index.size()), index);
  const uint64_t own_digest = digest(trailer);
  trailer += "\x21";
  trailer += little_endian(own_digest);

  EXPECT_EQ(read_whole(directory / "a.cairn/head"), head);
  EXPECT_EQ(read_whole(directory / "a.cairn/records"), records);
  EXPECT_EQ(read_whole(directory / "a.cairn/pages-index"), index);
  EXPECT_EQ(read_whole(directory / "a.cairn/trailer"), "CAIRNEND" + trailer);
  const std::string page_bytes(reinterpret_cast<const char*>(pages.data()), pages.size());
  EXPECT_TRUE(read_whole(directory / "a.cairn/pages-0") == page_bytes + page_bytes);
}

}  // namespace
}  // namespace cairn::image
