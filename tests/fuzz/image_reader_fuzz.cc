// Arbitrary bytes as the files of an image: each parser alone, and the parsed messages against each other. The first
// byte chooses the file; the magic is put in front unless the top bit says that the bytes bring their own.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "image/digest.h"
#include "image/format.h"
#include "image/parse.h"

namespace {

using namespace cairn::image;

constexpr std::array<std::string_view, 4> kMagics = {kHeadMagic, kRecordsMagic, kIndexMagic, kTrailerMagic};

// What the parsers promise to whoever uses their results.
void require(bool holds) {
  if (!holds) std::abort();
}

void check_records(std::string_view bytes) {
  for (const RawRecord& record : parse_records(bytes)) {
    require(static_cast<bool>(record.id) && !record.kind.empty() && record.id != record.owner);
    require(record.body.size() <= bytes.size());
  }
}

void check_index(std::string_view bytes) {
  constexpr uint64_t kPageBytes = uint64_t{1} << 32;
  uint64_t end = 0;
  for (const Frame& frame : parse_index(bytes, kPageBytes)) {
    require(frame.offset >= end && frame.length > 0 && frame.length <= kFrameSize);
    end = frame.offset + frame.length;
    require(end <= kPageBytes);
  }
}

// A fuzzer doesn't guess digests, so half of the trailers get a right one.
void check_trailer(std::string bytes, bool with_digest) {
  if (with_digest && bytes.size() >= kMagicSize) {
    Trailer own;
    own.set_digest(digest(std::string_view(bytes).substr(kMagicSize)));
    bytes += own.SerializeAsString();
  }
  Trailer trailer = parse_trailer(bytes);
  require(trailer.files_size() == kFiles.size() - 1);
  check_bytes(trailer, kHeadFile, bytes);
}

void check_file(uint8_t choice, std::string bytes) {
  switch (choice & 3) {
    case 0:
      require(parse_head(bytes).format_version() == kFormatVersion);
      break;
    case 1:
      check_records(bytes);
      break;
    case 2:
      check_index(bytes);
      break;
    default:
      check_trailer(std::move(bytes), (choice & 4) != 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);  // it reports each text that is no UTF-8
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string bytes(data[0] & 0x80 ? std::string_view() : kMagics[data[0] & 3]);
  bytes.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    check_file(data[0], std::move(bytes));
  } catch (const cairn::Error& error) {
    require(error.failure() == cairn::Failure::kDamagedImage);
  }
  return 0;
}
