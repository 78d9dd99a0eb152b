// What the files of an image are called, how they begin and how large they may be (docs/image_format.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cairn::image {

constexpr uint32_t kFormatVersion = 1;
constexpr size_t kPageSize = 4096;
constexpr size_t kFrameSize = size_t{1} << 20;  // most bytes of one frame of pages

constexpr std::string_view kHeadFile = "head";
constexpr std::string_view kRecordsFile = "records";
constexpr std::string_view kPagesFile = "pages-0";
constexpr std::string_view kIndexFile = "pages-index";
constexpr std::string_view kTrailerFile = "trailer";
// Nothing else may be in the directory of an image that cairn removes.
inline constexpr std::array<std::string_view, 5> kFiles = {kHeadFile, kRecordsFile, kPagesFile, kIndexFile,
                                                           kTrailerFile};

// The first bytes of each file but pages-0, which is raw so that it can be read in large aligned pieces.
constexpr size_t kMagicSize = 8;
constexpr std::string_view kHeadMagic = "CAIRNHED";
constexpr std::string_view kRecordsMagic = "CAIRNREC";
constexpr std::string_view kIndexMagic = "CAIRNIDX";
constexpr std::string_view kTrailerMagic = "CAIRNEND";

// The trailer's own digest is its last field: a tag (field 4, fixed64) and eight bytes.
constexpr char kTrailerDigestTag = 0x21;
constexpr size_t kTrailerDigestSize = 9;

// No reader allocates more than these because of what a file claims, and no writer makes what would not be read.
constexpr size_t kMostRecordBytes = size_t{64} << 20;  // one RecordFrame
constexpr uint64_t kMostRecordsFile = uint64_t{2} << 30;
constexpr uint64_t kMostHeadFile = uint64_t{1} << 20;
constexpr uint64_t kMostIndexFile = uint64_t{256} << 20;
constexpr uint64_t kMostTrailerFile = uint64_t{1} << 16;

}  // namespace cairn::image
