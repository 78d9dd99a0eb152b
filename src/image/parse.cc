#include "image/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "image/compression.h"
#include "image/digest.h"
#include "image/format.h"
#include "image/uuid.h"
#include "image/varint.h"

namespace cairn::image {
namespace {

std::string_view skip_magic(std::string_view file, std::string_view bytes, std::string_view magic) {
  if (!bytes.starts_with(magic)) damaged(file, fmt::format("does not begin with {}", magic));
  return bytes.substr(magic.size());
}

template <typename Message>
void parse_message(std::string_view file, std::string_view bytes, Message& message) {
  if (bytes.size() > INT_MAX || !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    damaged(file, fmt::format("is not a valid {} message", Message::schema().name));
  }
  if (Message::has_unknown(message)) {
    damaged(file, "has fields that this version of cairn does not know");
  }
}

RawRecord parse_record(std::string_view bytes) {
  RecordFrame frame;
  parse_message(kRecordsFile, bytes, frame);
  if (frame.id() == 0) damaged(kRecordsFile, "a record has no id");
  if (frame.kind().empty()) damaged(kRecordsFile, fmt::format("record {} has no kind", frame.id()));
  return {.id = {frame.id()},
          .kind = std::move(*frame.mutable_kind()),
          .owner = {frame.owner()},
          .body = std::move(*frame.mutable_body())};
}

using RecordsById = std::unordered_map<RecordId, const RawRecord*>;

RecordsById index_by_id(const std::vector<RawRecord>& records) {
  RecordsById by_id;
  by_id.reserve(records.size());
  for (const RawRecord& record : records) {
    if (!by_id.emplace(record.id, &record).second) {
      damaged(kRecordsFile, fmt::format("two records have the id {}", record.id.value));
    }
  }
  return by_id;
}

// Follows each chain of owners to a record whose chain is known to end; a chain longer than there are records is a
// circle.
void check_owners(const std::vector<RawRecord>& records) {
  RecordsById by_id = index_by_id(records);
  std::unordered_set<RecordId> ends;
  for (const RawRecord& record : records) {
    std::vector<RecordId> chain;
    for (const RawRecord* at = &record; at->owner && !ends.contains(at->id);) {
      chain.push_back(at->id);
      auto owner = by_id.find(at->owner);
      if (owner == by_id.end()) {
        damaged(kRecordsFile, fmt::format("record {} belongs to {}, which is missing", at->id.value, at->owner.value));
      }
      if (chain.size() > records.size()) {
        damaged(kRecordsFile, fmt::format("record {} belongs to itself", at->id.value));
      }
      at = owner->second;
    }
    ends.insert(chain.begin(), chain.end());
  }
}

void check_frame(const Frame& frame, uint64_t end_of_last, uint64_t page_bytes) {
  auto refuse = [&](const char* what) { damaged(kIndexFile, fmt::format("the frame at {} {}", frame.offset, what)); };
  if (frame.length == 0) refuse("is empty");
  if (frame.length > kFrameSize) refuse("is too long");
  if (frame.offset % kPageSize != 0 || frame.length % kPageSize != 0) refuse("is not made of whole pages");
  if (frame.offset < end_of_last) refuse("overlaps the one before it");
  if (frame.offset > UINT64_MAX - frame.length) refuse("ends behind the end of all pages");
  if (frame.stored_length == 0 || frame.stored_length > frame.length) refuse("is stored in no bytes, or in too many");
  if (frame.stored_offset > page_bytes || frame.stored_length > page_bytes - frame.stored_offset)
    refuse("ends behind the end of pages-0");
}

const FileDigest& find_file(const Trailer& trailer, std::string_view file) {
  for (const FileDigest& entry : trailer.files()) {
    if (entry.name() == file) return entry;
  }
  damaged(kTrailerFile, fmt::format("does not name {}", file));
}

void check_files(const Trailer& trailer) {
  for (std::string_view name : kFiles) {
    if (name != kTrailerFile) find_file(trailer, name);
  }
  if (trailer.files_size() != kFiles.size() - 1)
    damaged(kTrailerFile, "names a file twice, or one that is none of ours");
}

}  // namespace

void damaged(std::string_view file, std::string_view reason) {
  throw Error(fmt::format("{}: {}", file, reason), Failure::kDamagedImage);
}

Head parse_head(std::string_view bytes) {
  Head head;
  std::string_view message = skip_magic(kHeadFile, bytes, kHeadMagic);
  // The version is judged before the rest: a later one may have fields that we don't know.
  if (!head.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    damaged(kHeadFile, "is not a valid Head message");
  }
  if (head.format_version() != kFormatVersion) {
    damaged(kHeadFile, fmt::format("the image has format version {}; this cairn reads version {}",
                                   head.format_version(), kFormatVersion));
  }
  if (head.features_size() > 1) damaged(kHeadFile, "names several ways to compress");
  for (const std::string& feature : head.features()) {
    if (codec_of(feature) == Codec::kNone) {
      damaged(kHeadFile, fmt::format("the image needs the feature \"{}\", which this cairn lacks", feature));
    }
  }
  if (Head::has_unknown(head)) damaged(kHeadFile, "has fields that this version of cairn does not know");
  if (!is_uuid(head.uuid())) damaged(kHeadFile, "the uuid is none");
  return head;
}

std::vector<RawRecord> parse_records(std::string_view bytes) {
  std::string_view rest = skip_magic(kRecordsFile, bytes, kRecordsMagic);
  std::vector<RawRecord> records;
  while (!rest.empty()) {
    std::optional<uint64_t> length = take_varint(rest);
    if (!length) damaged(kRecordsFile, fmt::format("the length of record number {} is no number", records.size() + 1));
    if (*length > kMostRecordBytes || *length > rest.size()) {
      damaged(kRecordsFile, fmt::format("record number {} is longer than it may be", records.size() + 1));
    }
    records.push_back(parse_record(rest.substr(0, *length)));
    rest.remove_prefix(*length);
  }
  check_owners(records);
  return records;
}

std::vector<Frame> parse_index(std::string_view bytes, uint64_t page_bytes) {
  PageIndex index;
  parse_message(kIndexFile, skip_magic(kIndexFile, bytes, kIndexMagic), index);
  if (index.offset_size() != index.length_size() || index.offset_size() != index.digest_size()) {
    damaged(kIndexFile, "has not as many offsets, lengths and digests");
  }
  bool stored_apart = index.stored_offset_size() != 0;
  if (index.stored_offset_size() != index.stored_length_size() ||
      (stored_apart && index.stored_offset_size() != index.offset_size())) {
    damaged(kIndexFile, "has not as many places in pages-0 as frames");
  }
  std::vector<Frame> frames;
  frames.reserve(index.offset_size());
  uint64_t end = 0;
  for (int i = 0; i < index.offset_size(); ++i) {
    Frame frame{.offset = index.offset(i),
                .length = index.length(i),
                .digest = index.digest(i),
                .stored_offset = stored_apart ? index.stored_offset(i) : index.offset(i),
                .stored_length = stored_apart ? index.stored_length(i) : index.length(i)};
    check_frame(frame, end, page_bytes);
    end = frame.offset + frame.length;
    frames.push_back(frame);
  }
  return frames;
}

Trailer parse_trailer(std::string_view bytes) {
  Trailer trailer;
  std::string_view message = skip_magic(kTrailerFile, bytes, kTrailerMagic);
  parse_message(kTrailerFile, message, trailer);
  // The digest is the last field of the file, and covers what stands before it.
  size_t covered = message.size() - std::min(kTrailerDigestSize, message.size());
  if (!message.substr(covered).starts_with(kTrailerDigestTag) ||
      trailer.digest() != digest(message.substr(0, covered))) {
    damaged(kTrailerFile, "does not fit its own digest");
  }
  check_files(trailer);
  return trailer;
}

void check_uuid(const Trailer& trailer, const Head& head) {
  if (trailer.uuid() != head.uuid()) damaged(kTrailerFile, "belongs to another image than head");
}

void check_size(const Trailer& trailer, std::string_view file, uint64_t size) {
  uint64_t expected = find_file(trailer, file).size();
  if (size != expected) damaged(file, fmt::format("has {} bytes instead of {}", size, expected));
}

void check_digest(const Trailer& trailer, std::string_view file, std::string_view bytes) {
  if (find_file(trailer, file).digest() != digest(bytes)) damaged(file, "does not fit its digest in the trailer");
}

void check_bytes(const Trailer& trailer, std::string_view file, std::string_view bytes) {
  check_size(trailer, file, bytes.size());
  check_digest(trailer, file, bytes);
}

}  // namespace cairn::image
