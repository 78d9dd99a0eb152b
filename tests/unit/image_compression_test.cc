// Compressed frames: what goes in comes out, what doesn't get smaller is kept as it is, and damage is found.
#include <thread>

#include "image/compression.h"
#include "image_fixture.h"

namespace cairn::image {
namespace {

std::vector<std::byte> text_pages(size_t pages, char letter) {
  std::vector<std::byte> bytes(pages * kPageSize, static_cast<std::byte>(letter));
  for (size_t at = 0; at < bytes.size(); at += 64) bytes[at] = static_cast<std::byte>(at >> 6);
  return bytes;
}

class Compressed : public ::testing::TestWithParam<const char*> {
 protected:
  // A frame that gets smaller, one that doesn't, one of the greatest size.
  void write() {
    Writer writer = Writer::create(image_, Existing::kRefuse, parse_compression(GetParam()));
    writer.set_head({});
    for (const auto& pages : contents_) offsets_.push_back(writer.pages().append(pages));
    writer.commit();
  }
  std::vector<std::byte> read(const Reader& reader, size_t frame) {
    std::vector<std::byte> bytes(reader.frames().at(frame).length);
    reader.read_frame(reader.frames().at(frame), bytes.data());
    return bytes;
  }

  TestDirectory directory_;
  std::string image_ = directory_ / "a.cairn";
  std::vector<std::vector<std::byte>> contents_ = {text_pages(5, 'a'), page_pattern(3, 7),
                                                   text_pages(kFrameSize / kPageSize, 'z')};
  std::vector<uint64_t> offsets_;
};

TEST_P(Compressed, ComesOutAsItWentIn) {
  write();
  Reader reader = Reader::open(image_);
  ASSERT_EQ(reader.frames().size(), contents_.size());
  for (size_t n = 0; n < contents_.size(); ++n) {
    EXPECT_EQ(reader.frames()[n].offset, offsets_[n]);
    EXPECT_EQ(read(reader, n), contents_[n]);
  }
  EXPECT_TRUE(reader.frames()[0].is_compressed());
  EXPECT_FALSE(reader.frames()[1].is_compressed());
  EXPECT_LT(reader.bytes(), reader.page_bytes() / 2);
  std::string across = reader.read_pages(4 * kPageSize, 2 * kPageSize);
  std::string_view expected(reinterpret_cast<const char*>(contents_[1].data()), kPageSize);
  EXPECT_EQ(across.substr(kPageSize), expected);
}

TEST_P(Compressed, AppendsOfManyThreadsStayApart) {
  std::map<uint64_t, std::vector<std::byte>> stored;
  {
    Writer writer = Writer::create(image_, Existing::kRefuse, parse_compression(GetParam()));
    writer.set_head({});
    std::mutex mutex;
    std::vector<std::thread> threads;
    for (char letter = 'a'; letter < 'e'; ++letter)
      threads.emplace_back([&, letter] {
        for (size_t n = 1; n < 20; ++n) {
          std::vector<std::byte> pages = text_pages(n, letter);
          uint64_t offset = writer.pages().append(pages);
          std::lock_guard lock(mutex);
          stored[offset] = std::move(pages);
        }
      });
    for (std::thread& thread : threads) thread.join();
    writer.commit();
  }
  Reader reader = Reader::open(image_);
  ASSERT_EQ(reader.frames().size(), stored.size());
  for (size_t n = 0; n < reader.frames().size(); ++n) EXPECT_EQ(read(reader, n), stored.at(reader.frames()[n].offset));
}

TEST_P(Compressed, EveryFlippedByteIsFound) {
  write();
  const std::string pages = read_whole(image_ + "/pages-0");
  for (size_t at = 0; at < pages.size(); at += 97) {
    std::string damaged = pages;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    write_whole(image_ + "/pages-0", damaged);
    Reader reader = Reader::open(image_);
    size_t found = 0;
    for (size_t n = 0; n < reader.frames().size(); ++n) {
      try {
        read(reader, n);
      } catch (const Error& error) {
        EXPECT_EQ(error.failure(), Failure::kDamagedImage);
        ++found;
      }
    }
    EXPECT_EQ(found, 1) << at;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Compressed, ::testing::Values("lz4", "zstd", "zstd:5"),
                         [](const auto& info) { return std::string("codec") + std::to_string(info.index); });

// Whatever somebody writes on purpose, with digests that fit.
TEST(Decompression, NeverWritesBeyondItsTarget) {
  for (Codec codec : {Codec::kLz4, Codec::kZstd}) {
    std::vector<std::byte> buffer, to(kPageSize + 1, std::byte{42});
    std::vector<std::byte> large = text_pages(9, 'x');
    std::span<const std::byte> bomb = compress({codec, 1}, large, buffer);
    ASSERT_FALSE(bomb.empty());
    EXPECT_FALSE(decompress(codec, bomb, std::span(to).first(kPageSize)));
    for (uint32_t seed = 0; seed < 200; ++seed) {
      const std::vector<std::byte> noise = page_pattern(1, seed);
      EXPECT_FALSE(decompress(codec, std::span(noise).first(100 + seed), std::span(to).first(kPageSize)));
    }
    EXPECT_EQ(to.back(), std::byte{42});
  }
}

TEST(Decompression, RefusesFramesOfTheWrongLength) {
  for (Codec codec : {Codec::kLz4, Codec::kZstd}) {
    std::vector<std::byte> buffer, pages = text_pages(2, 'x'), to(4 * kPageSize);
    std::span<const std::byte> small = compress({codec, 1}, pages, buffer);
    EXPECT_TRUE(decompress(codec, small, std::span(to).first(pages.size())));
    EXPECT_FALSE(decompress(codec, small, to));
  }
}

TEST(ParseCompression, RefusesWhatIsNone) {
  EXPECT_EQ(parse_compression("zstd:19").level, 19);
  for (const char* text : {"", "gzip", "zstd:", "zstd:0", "zstd:20", "zstd:1x", "lz4:1"}) {
    try {
      parse_compression(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.failure(), Failure::kUsage);
    }
  }
}

}  // namespace
}  // namespace cairn::image
