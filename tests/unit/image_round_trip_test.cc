// What goes into an image comes out of it.
#include <sys/stat.h>

#include <thread>

#include "image/uuid.h"
#include "image_fixture.h"

namespace cairn::image {
namespace {

TEST(ImageRoundTrip, EmptyImage) {
  TestDirectory directory;
  {
    Writer writer = Writer::create(directory / "a.cairn", Existing::kRefuse);
    writer.set_head(Head());
    writer.commit();
  }
  Reader reader = Reader::open(directory / "a.cairn");
  EXPECT_EQ(reader.head().format_version(), kFormatVersion);
  EXPECT_TRUE(is_uuid(reader.head().uuid()));
  EXPECT_TRUE(reader.records().empty());
  EXPECT_TRUE(reader.frames().empty());
  EXPECT_EQ(reader.page_bytes(), 0);
  EXPECT_EQ(reader.read_pages(0, 0), "");
}

TEST(ImageRoundTrip, HeadAndRecords) {
  TestDirectory directory(std::filesystem::temp_directory_path());
  write_small_image(directory / "a.cairn");
  Reader reader = Reader::open(directory / "a.cairn");
  Head expected = small_head();
  expected.set_format_version(kFormatVersion);
  expected.set_uuid(reader.head().uuid());
  EXPECT_EQ(reader.head().SerializeAsString(), expected.SerializeAsString());
  ASSERT_EQ(reader.records().size(), 2);
  EXPECT_EQ(reader.records()[0].id.value, 1);
  EXPECT_EQ(reader.records()[0].kind, "process");
  EXPECT_EQ(reader.records()[0].owner.value, 0);
  EXPECT_EQ(reader.records()[0].body, body_of(1).SerializeAsString());
  EXPECT_EQ(reader.records()[1].id.value, 2);
  EXPECT_EQ(reader.records()[1].owner.value, 1);
}

TEST(ImageRoundTrip, CommandOfAnyBytes) {
  TestDirectory directory;
  {
    Writer writer = Writer::create(directory / "a.cairn", Existing::kRefuse);
    Head head;
    head.set_command("\xff\xfe");
    writer.set_head(head);
    writer.commit();
  }
  EXPECT_EQ(Reader::open(directory / "a.cairn").head().command(), "\xff\xfe");
}

TEST(ImageRoundTrip, ManyRecordsInAnyOrderOfOwners) {
  constexpr uint32_t kRecords = 30'000;  // more than one write of the records file
  TestDirectory directory;
  {
    Writer writer = Writer::create(directory / "a.cairn", Existing::kRefuse);
    writer.set_head(Head());
    for (uint32_t i = 1; i <= kRecords; ++i) {
      writer.add_record({i}, "kind" + std::to_string(i % 7), {i == kRecords ? 0 : i + 1}, body_of(i));
    }
    writer.commit();
  }
  Reader reader = Reader::open(directory / "a.cairn");
  ASSERT_EQ(reader.records().size(), kRecords);
  for (uint32_t i = 1; i <= kRecords; ++i) {
    const RawRecord& record = reader.records()[i - 1];
    ASSERT_EQ(record.id.value, i);
    ASSERT_EQ(record.kind, "kind" + std::to_string(i % 7));
    ASSERT_EQ(record.body, body_of(i).SerializeAsString());
  }
}

TEST(ImageRoundTrip, LargestRecordAndNoLarger) {
  TestDirectory directory;
  Writer writer = Writer::create(directory / "a.cairn", Existing::kRefuse);
  writer.set_head(Head());
  HostFacts body;
  body.set_machine(std::string(kMostRecordBytes - 64, 'x'));
  writer.add_record({1}, "queue", {}, body);
  body.set_machine(std::string(kMostRecordBytes, 'x'));
  std::string text = error_of(Failure::kFailed, [&] { writer.add_record({2}, "queue", {}, body); });
  EXPECT_NE(text.find("record 2 (queue)"), std::string::npos) << text;
}

TEST(ImageRoundTrip, LargestRecordIsRead) {
  TestDirectory directory;
  HostFacts body;
  body.set_machine(std::string(kMostRecordBytes - 64, 'x'));
  {
    Writer writer = Writer::create(directory / "a.cairn", Existing::kRefuse);
    writer.set_head(Head());
    writer.add_record({1}, "queue", {}, body);
    writer.commit();
  }
  Reader reader = Reader::open(directory / "a.cairn");
  ASSERT_EQ(reader.records().size(), 1);
  EXPECT_TRUE(reader.records()[0].body == body.SerializeAsString());
}

TEST(ImageRoundTrip, TextThatWouldNotBeReadIsRefused) {
  TestDirectory directory;
  Writer writer = Writer::create(directory / "a.cairn", Existing::kRefuse);
  HostFacts body;
  body.set_machine("\xff");
  std::string text = error_of(Failure::kFailed, [&] { writer.add_record({1}, "queue", {}, body); });
  EXPECT_NE(text.find("UTF-8"), std::string::npos) << text;
}

TEST(ImageRoundTrip, FramesFromFourThreads) {
  constexpr uint32_t kThreads = 4, kFrames = 100;
  TestDirectory directory;
  std::vector<std::pair<uint64_t, uint32_t>> placed[kThreads];  // offset, seed
  {
    Writer writer = Writer::create(directory / "a.cairn", Existing::kRefuse);
    writer.set_head(Head());
    std::vector<std::thread> threads;
    for (uint32_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (uint32_t i = 0; i < kFrames; ++i) {
          const uint32_t seed = t * kFrames + i;
          placed[t].emplace_back(writer.pages().append(page_pattern(1 + seed % 17, seed)), seed);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    writer.commit();
  }
  Reader reader = Reader::open(directory / "a.cairn");
  EXPECT_EQ(reader.frames().size(), kThreads * kFrames);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (const auto& own : placed) {
    threads.emplace_back([&] {
      for (auto [offset, seed] : own) {
        std::vector<std::byte> expected = page_pattern(1 + seed % 17, seed);
        std::string got = reader.read_pages(offset, expected.size());
        if (memcmp(got.data(), expected.data(), expected.size()) != 0) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(ImageRoundTrip, NoSpaceIsKeptThatWasAllocatedAhead) {
  TestDirectory directory(std::filesystem::temp_directory_path());
  const std::vector<std::byte> frame = page_pattern(kFrameSize / kPageSize, 1);
  {
    Writer writer = Writer::create(directory / "a.cairn", Existing::kRefuse);
    writer.set_head(Head());
    for (int i = 0; i < 20; ++i) writer.pages().append(frame);
    writer.commit();
  }
  struct stat status;
  ASSERT_EQ(::stat((directory / "a.cairn/pages-0").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 20 * kFrameSize);
  EXPECT_LT(status.st_blocks * 512, 21 * kFrameSize);
  read_all_frames(Reader::open(directory / "a.cairn"));
}

TEST(ImageRoundTrip, ReadPagesAcrossFrames) {
  TestDirectory directory;
  write_small_image(directory / "a.cairn", 7);
  Reader reader = Reader::open(directory / "a.cairn");
  std::string whole = read_whole(directory / "a.cairn/pages-0");
  ASSERT_EQ(whole.size(), 3 * kPageSize);
  EXPECT_EQ(reader.read_pages(0, whole.size()), whole);
  EXPECT_EQ(reader.read_pages(kPageSize - 3, 6), whole.substr(kPageSize - 3, 6));
  EXPECT_EQ(reader.read_pages(2 * kPageSize + 1, kPageSize - 1), whole.substr(2 * kPageSize + 1));
  error_of(Failure::kDamagedImage, [&] { reader.read_pages(whole.size(), 1); });
  error_of(Failure::kDamagedImage, [&] { reader.read_pages(1, whole.size()); });
  error_of(Failure::kDamagedImage, [&] { reader.read_pages(UINT64_MAX, 2); });
}

TEST(ImageRoundTrip, SizesAreThoseOfTheFiles) {
  TestDirectory directory;
  uint64_t written = 0;
  {
    Writer writer = Writer::create(directory / "a.cairn", Existing::kRefuse);
    fill_small_image(writer);
    writer.commit();
    written = writer.bytes();
  }
  uint64_t on_disk = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory / "a.cairn")) on_disk += entry.file_size();
  EXPECT_EQ(written, on_disk);
  EXPECT_EQ(Reader::open(directory / "a.cairn").bytes(), on_disk);
}

TEST(ImageRoundTrip, NobodyElseMayRead) {
  TestDirectory directory;
  mode_t old_mask = ::umask(0777);
  write_small_image(directory / "a.cairn");
  ::umask(old_mask);
  struct stat status;
  ASSERT_EQ(::stat((directory / "a.cairn").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700);
  for (std::string_view name : kFiles) {
    ASSERT_EQ(::stat((directory / "a.cairn/" + std::string(name)).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600) << name;
  }
}

TEST(ImageUuid, IsRandomAndWellFormed) {
  std::string uuid = random_uuid();
  EXPECT_TRUE(is_uuid(uuid)) << uuid;
  EXPECT_EQ(uuid[14], '4');
  EXPECT_NE(uuid, random_uuid());
  EXPECT_FALSE(is_uuid(""));
  EXPECT_FALSE(is_uuid(uuid + "0"));
  uuid[8] = '0';
  EXPECT_FALSE(is_uuid(uuid));
}

TEST(ImageDigest, StreamEqualsBuffer) {
  std::string bytes(100'000, 'a');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * i >> 3);
  DigestStream stream;
  stream.update(bytes.substr(0, 1));
  stream.update(bytes.substr(1, 777));
  stream.update(bytes.substr(778));
  EXPECT_EQ(stream.value(), digest(bytes));
  for (size_t size : {1, 16, 17, 240, 241, 1023, 1024, 4096, 65536}) {
    EXPECT_EQ(digest(std::string_view(bytes).substr(0, size)), XXH3_64bits(bytes.data(), size)) << size;
  }
  EXPECT_EQ(digest(std::string_view()), 0x2d06800538d394c2U);  // XXH3_64bits("") of the specification
}

}  // namespace
}  // namespace cairn::image
