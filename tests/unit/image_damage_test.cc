// Every damage to an image is noticed, and every image that lies about itself is refused.
#include <fcntl.h>
#include <sys/stat.h>

#include "image/varint.h"
#include "image_fixture.h"

namespace cairn::image {
namespace {

// An image whose digests are right whatever it says: what a liar would write.
struct ForgedImage {
  Head head;
  std::string records{kRecordsMagic};
  PageIndex index;
  std::string pages;
  Trailer trailer;

  ForgedImage() {
    head.set_format_version(kFormatVersion);
    head.set_uuid("00112233-4455-4677-8899-aabbccddeeff");
    trailer.set_uuid(head.uuid());
  }

  void add_record(const RecordFrame& frame) {
    put_varint(records, frame.ByteSizeLong());
    records += frame.SerializeAsString();
    trailer.set_record_count(trailer.record_count() + 1);
  }
  void add_record(uint64_t id, const std::string& kind, uint64_t owner = 0) {
    RecordFrame frame;
    frame.set_id(id);
    frame.set_kind(kind);
    frame.set_owner(owner);
    add_record(frame);
  }
  void add_frame(uint64_t offset, uint32_t length) {
    index.add_offset(offset);
    index.add_length(length);
    index.add_digest(0);
  }
  void add_file(std::string_view name, uint64_t size, uint64_t digest) {
    FileDigest& file = *trailer.add_files();
    file.set_name(std::string(name));
    file.set_size(size);
    file.set_digest(digest);
  }
  void add_file(std::string_view name, const std::string& bytes) { add_file(name, bytes.size(), digest(bytes)); }

  void write(const std::string& path) {
    const std::string head_bytes = std::string(kHeadMagic) + head.SerializeAsString();
    const std::string index_bytes = std::string(kIndexMagic) + index.SerializeAsString();
    add_file(kHeadFile, head_bytes);
    add_file(kRecordsFile, records);
    add_file(kPagesFile, pages.size(), digest(index_bytes));
    add_file(kIndexFile, index_bytes);
    std::filesystem::create_directory(path);
    write_whole(path + "/head", head_bytes);
    write_whole(path + "/records", records);
    write_whole(path + "/pages-0", pages);
    write_whole(path + "/pages-index", index_bytes);
    Trailer own;
    own.set_digest(digest(trailer.SerializeAsString()));
    write_whole(path + "/trailer", std::string(kTrailerMagic) + trailer.SerializeAsString() + own.SerializeAsString());
  }
};

std::string refusal(const std::string& path) {
  return error_of(Failure::kDamagedImage, [&] { Reader::open(path); });
}

std::string refusal(ForgedImage forged) {
  TestDirectory directory;
  forged.write(directory / "a.cairn");
  return refusal(directory / "a.cairn");
}

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

class ImageDamage : public testing::Test {
 protected:
  ImageDamage() { write_small_image(image_); }
  std::string path_of(std::string_view file) const { return image_ + "/" + std::string(file); }

  TestDirectory directory_;
  const std::string image_ = directory_ / "a.cairn";
};

TEST_F(ImageDamage, EveryBitOfEveryFileCounts) {
  for (std::string_view file : {kHeadFile, kRecordsFile, kIndexFile, kTrailerFile}) {
    const std::string good = read_whole(path_of(file));
    for (size_t bit = 0; bit < good.size() * 8; ++bit) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
      write_whole(path_of(file), bad);
      ASSERT_FALSE(refusal(image_).empty()) << file << " bit " << bit;
    }
    write_whole(path_of(file), good);
  }
  EXPECT_TRUE(is_small_image(image_));
}

TEST_F(ImageDamage, EveryTruncationAndExtensionIsNoticed) {
  for (std::string_view file : {kHeadFile, kRecordsFile, kIndexFile, kTrailerFile}) {
    const std::string good = read_whole(path_of(file));
    for (size_t size = 0; size < good.size(); ++size) {
      write_whole(path_of(file), good.substr(0, size));
      ASSERT_FALSE(refusal(image_).empty()) << file << " cut to " << size;
    }
    write_whole(path_of(file), good + '\0');
    EXPECT_FALSE(refusal(image_).empty()) << file << " with one byte more";
    write_whole(path_of(file), good);
  }
  const std::string pages = read_whole(path_of(kPagesFile));
  for (size_t size = 0; size < pages.size(); size += 511) {
    write_whole(path_of(kPagesFile), pages.substr(0, size));
    EXPECT_SAYS(refusal(image_), "pages-0: has ");
  }
  write_whole(path_of(kPagesFile), pages + '\0');
  EXPECT_SAYS(refusal(image_), "pages-0: has ");
}

TEST_F(ImageDamage, EveryByteOfThePagesCounts) {
  const std::string good = read_whole(path_of(kPagesFile));
  Reader reader = Reader::open(image_);
  int fd = ::open(path_of(kPagesFile).c_str(), O_WRONLY);
  for (size_t at = 0; at < good.size(); ++at) {
    const char bad = static_cast<char>(good[at] ^ (1 << (at % 8)));
    ASSERT_EQ(::pwrite(fd, &bad, 1, static_cast<off_t>(at)), 1);
    std::string text = error_of(Failure::kDamagedImage, [&] { read_all_frames(reader); });
    ASSERT_NE(text.find("pages-0"), std::string::npos) << text;
    ASSERT_EQ(::pwrite(fd, &good[at], 1, static_cast<off_t>(at)), 1);
  }
  ::close(fd);
  read_all_frames(reader);
}

TEST_F(ImageDamage, PagesThatShrinkWhileTheyAreRead) {
  Reader reader = Reader::open(image_);
  ASSERT_EQ(::truncate(path_of(kPagesFile).c_str(), kPageSize), 0);
  EXPECT_SAYS(error_of(Failure::kDamagedImage, [&] { read_all_frames(reader); }), "pages-0");
}

TEST_F(ImageDamage, EachMissingFileIsNamed) {
  for (std::string_view file : kFiles) {
    std::filesystem::rename(path_of(file), directory_ / "away");
    EXPECT_SAYS(refusal(image_), std::string(file) + ": is missing");
    std::filesystem::rename(directory_ / "away", path_of(file));
  }
}

TEST_F(ImageDamage, OnlyRegularFilesAreRead) {
  for (std::string_view file : kFiles) {
    std::filesystem::rename(path_of(file), directory_ / "away");
    std::filesystem::create_symlink(directory_ / "away", path_of(file));
    EXPECT_SAYS(refusal(image_), std::string(file) + ": ");
    std::filesystem::remove(path_of(file));
    ASSERT_EQ(::mkfifo(path_of(file).c_str(), 0600), 0);  // must not hang
    EXPECT_SAYS(refusal(image_), std::string(file) + ": is not a regular file");
    std::filesystem::remove(path_of(file));
    std::filesystem::create_directory(path_of(file));
    EXPECT_SAYS(refusal(image_), std::string(file) + ": is not a regular file");
    std::filesystem::remove(path_of(file));
    std::filesystem::rename(directory_ / "away", path_of(file));
  }
}

TEST_F(ImageDamage, FilesOfAnotherImage) {
  write_small_image(directory_ / "b.cairn");  // the same records under another uuid
  std::filesystem::copy_file(directory_ / "b.cairn/head", path_of(kHeadFile),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_SAYS(refusal(image_), "belongs to another image");
}

TEST_F(ImageDamage, WhatIsNoImage) {
  EXPECT_SAYS(refusal(directory_ / "nothing"), "no such image");
  EXPECT_SAYS(refusal(directory_ / "nothing"), directory_ / "nothing");
  write_whole(directory_ / "file", "text");
  EXPECT_SAYS(refusal(directory_ / "file"), "no such image");
  std::filesystem::create_directory(directory_ / "foreign");
  write_whole(directory_ / "foreign/head", "HTTP/1.1 200 OK");
  EXPECT_SAYS(refusal(directory_ / "foreign"), "head: does not begin with CAIRNHED");
}

TEST_F(ImageDamage, HugeSparseFilesAreNotLoaded) {
  for (std::string_view file : {kHeadFile, kRecordsFile, kIndexFile, kTrailerFile}) {
    const std::string good = read_whole(path_of(file));
    ASSERT_EQ(::truncate(path_of(file).c_str(), off_t{1} << 40), 0);
    EXPECT_SAYS(refusal(image_), std::string(file) + ": has 1099511627776 bytes");
    write_whole(path_of(file), good);
  }
}

TEST(ImageForged, AHonestOneIsRead) {
  ForgedImage image;
  image.add_record(1, "process");
  image.add_record(2, "timer", 1);
  image.pages.resize(2 * kPageSize);
  image.add_frame(0, kPageSize);
  image.add_frame(kPageSize, kPageSize);
  TestDirectory directory;
  image.write(directory / "a.cairn");
  EXPECT_EQ(Reader::open(directory / "a.cairn").records().size(), 2);
}

TEST(ImageForged, OtherVersionsAndUnknownFeatures) {
  ForgedImage image;
  image.head.set_format_version(kFormatVersion + 1);
  EXPECT_SAYS(refusal(image), "format version 2; this cairn reads version 1");
  image.head.clear_format_version();
  EXPECT_SAYS(refusal(image), "format version 0");
  image.head.set_format_version(kFormatVersion);
  image.head.add_features("telepathy");
  EXPECT_SAYS(refusal(image), "the feature \"telepathy\"");
}

TEST(ImageForged, FieldsThatWeDoNotKnow) {
  ForgedImage image;
  image.head.GetReflection()->MutableUnknownFields(&image.head)->AddVarint(1000, 1);
  EXPECT_SAYS(refusal(image), "head: has fields");
  image = {};
  RecordFrame frame;
  frame.set_id(1);
  frame.set_kind("process");
  frame.GetReflection()->MutableUnknownFields(&frame)->AddVarint(1000, 1);
  image.add_record(frame);
  EXPECT_SAYS(refusal(image), "records: has fields");
}

TEST(ImageForged, Records) {
  ForgedImage image;
  image.add_record(0, "process");
  EXPECT_SAYS(refusal(image), "a record has no id");
  image = {};
  image.add_record(1, "");
  EXPECT_SAYS(refusal(image), "record 1 has no kind");
  image = {};
  image.add_record(1, "process");
  image.add_record(1, "process");
  EXPECT_SAYS(refusal(image), "two records have the id 1");
  image = {};
  image.add_record(1, "timer", 2);
  EXPECT_SAYS(refusal(image), "record 1 belongs to 2, which is missing");
  image = {};
  image.add_record(1, "timer", 1);
  EXPECT_SAYS(refusal(image), "belongs to itself");
  image = {};
  image.add_record(1, "timer", 2);
  image.add_record(2, "timer", 3);
  image.add_record(3, "timer", 2);
  EXPECT_SAYS(refusal(image), "belongs to itself");
  image = {};
  image.add_record(1, "process");
  image.trailer.set_record_count(2);
  EXPECT_SAYS(refusal(image), "has 1 records instead of 2");
  image = {};
  image.add_record(1, "process");
  image.head.set_root(2);
  EXPECT_SAYS(refusal(image), "head: names a root that is no record");
}

TEST(ImageForged, LengthsOfRecords) {
  ForgedImage image;
  put_varint(image.records, 1'000'000);  // behind the end of the file
  EXPECT_SAYS(refusal(image), "record number 1 is longer than it may be");
  image = {};
  put_varint(image.records, kMostRecordBytes + 1);
  image.records.resize(image.records.size() + kMostRecordBytes + 1);
  EXPECT_SAYS(refusal(image), "record number 1 is longer than it may be");
  image = {};
  image.records += std::string(20, '\xff');
  EXPECT_SAYS(refusal(image), "the length of record number 1");
  image = {};
  image.records += '\xff';  // ends within the number
  EXPECT_SAYS(refusal(image), "the length of record number 1");
  image = {};
  image.records += '\0';
  EXPECT_SAYS(refusal(image), "a record has no id");
}

TEST(ImageForged, Frames) {
  auto refusal_of = [](std::initializer_list<std::pair<uint64_t, uint32_t>> frames) {
    ForgedImage image;
    image.pages.resize(8 * kPageSize);
    for (auto [offset, length] : frames) image.add_frame(offset, length);
    return refusal(image);
  };
  EXPECT_SAYS(refusal_of({{0, 0}}), "is empty");
  EXPECT_SAYS(refusal_of({{0, kFrameSize + kPageSize}}), "is too long");
  EXPECT_SAYS(refusal_of({{0, 100}}), "is not made of whole pages");
  EXPECT_SAYS(refusal_of({{100, kPageSize}}), "is not made of whole pages");
  EXPECT_SAYS(refusal_of({{0, 2 * kPageSize}, {kPageSize, kPageSize}}), "overlaps");
  EXPECT_SAYS(refusal_of({{kPageSize, kPageSize}, {0, kPageSize}}), "overlaps");
  EXPECT_SAYS(refusal_of({{7 * kPageSize, 2 * kPageSize}}), "ends behind the end");
  EXPECT_SAYS(refusal_of({{0 - uint64_t{kPageSize}, 2 * kPageSize}}), "ends behind the end");
  ForgedImage image;
  image.add_frame(0, kPageSize);
  image.index.add_offset(0);
  EXPECT_SAYS(refusal(image), "not as many offsets");
}

TEST(ImageForged, GapsBetweenFramesHoldNothing) {
  ForgedImage image;
  image.pages.resize(3 * kPageSize);
  image.add_frame(0, kPageSize);
  image.add_frame(2 * kPageSize, kPageSize);
  const uint64_t zeros = digest(std::string(kPageSize, '\0'));
  image.index.set_digest(0, zeros);
  image.index.set_digest(1, zeros);
  TestDirectory directory;
  image.write(directory / "a.cairn");
  Reader reader = Reader::open(directory / "a.cairn");
  EXPECT_EQ(reader.read_pages(2 * kPageSize, kPageSize).size(), kPageSize);
  error_of(Failure::kDamagedImage, [&] { reader.read_pages(kPageSize, 1); });
  error_of(Failure::kDamagedImage, [&] { reader.read_pages(0, kPageSize + 1); });
}

TEST(ImageForged, Trailer) {
  ForgedImage image;
  image.trailer.set_uuid("99999999-4455-4677-8899-aabbccddeeff");
  EXPECT_SAYS(refusal(image), "belongs to another image");
  image = {};
  image.add_file("pages-1", "");
  EXPECT_SAYS(refusal(image), "names a file twice, or one that is none of ours");
  image = {};
  image.add_file(kHeadFile, "");
  EXPECT_SAYS(refusal(image), "names a file twice, or one that is none of ours");
}

TEST(ImageForged, Uuid) {
  ForgedImage image;
  image.head.set_uuid("../../etc/passwd");
  EXPECT_SAYS(refusal(image), "head: the uuid is none");
}

}  // namespace
}  // namespace cairn::image
