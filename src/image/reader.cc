#include "image/reader.h"

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "image/compression.h"
#include "image/digest.h"
#include "image/format.h"
#include "image/parse.h"
#include "kernel/calls.h"

namespace cairn::image {
namespace {

constexpr int kMostAttempts = 16;

struct File {
  OwnedFd fd;
  uint64_t size = 0;
};

// What these say about a file of the image is damage (0: it ended early); EACCES or EMFILE is not.
bool means_damage(int error_number) { return error_number == 0 || error_number == ELOOP || error_number == EIO; }

// Failures of kernel calls that come from damage become damage.
template <typename Body>
decltype(auto) reading(std::string_view file, Body&& body) {
  try {
    return body();
  } catch (const Error& error) {
    if (error.failure() == Failure::kDamagedImage || !means_damage(error.error_number())) throw;
    damaged(file, error.text());
  }
}

File open_file(int directory, std::string_view name) {
  return reading(name, [&] {
    // O_NONBLOCK: a fifo in the place of a file must not hold us up.
    constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    std::optional<OwnedFd> fd = kernel::try_open_at(directory, std::string(name), kFlags);
    if (!fd) damaged(name, "is missing");
    struct stat status = kernel::fstat(fd->get());
    if (!S_ISREG(status.st_mode)) damaged(name, "is not a regular file");
    return File{std::move(*fd), static_cast<uint64_t>(status.st_size)};
  });
}

std::string read_file(int directory, std::string_view name, uint64_t most) {
  File file = open_file(directory, name);
  if (file.size > most) damaged(name, fmt::format("has {} bytes, more than {}", file.size, most));
  std::string bytes(file.size, '\0');
  reading(name, [&] { kernel::pread_exactly(file.fd.get(), bytes.data(), bytes.size(), 0); });
  return bytes;
}

std::string read_verified(int directory, std::string_view name, uint64_t most, const Trailer& trailer) {
  std::string bytes = read_file(directory, name, most);
  check_bytes(trailer, name, bytes);
  return bytes;
}

OwnedFd open_directory(const std::string& path) {
  std::optional<OwnedFd> directory = kernel::try_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  if (!directory) throw Error("no such image", Failure::kDamagedImage);
  return std::move(*directory);
}

bool names(const std::string& path, int directory) {
  const std::optional<struct stat> there = kernel::try_stat_at(AT_FDCWD, path);
  const struct stat ours = kernel::fstat(directory);
  return there && there->st_dev == ours.st_dev && there->st_ino == ours.st_ino;
}

void check_root(const Head& head, const std::vector<RawRecord>& records) {
  if (head.root() == 0) return;
  auto is_root = [&](const RawRecord& record) { return record.id.value == head.root(); };
  if (std::none_of(records.begin(), records.end(), is_root)) damaged(kHeadFile, "names a root that is no record");
}

}  // namespace

struct Reader::State {
  std::string path;
  Head head;
  std::vector<RawRecord> records;
  std::vector<Frame> frames;
  File pages;
  Codec codec = Codec::kNone;
  uint64_t bytes = 0;

  void read_stored(const Frame& frame, std::byte* buffer) const;
  void read_compressed(const Frame& frame, std::byte* buffer) const;
  void open();
  void load(int directory);
  void open_pages(int directory, const Trailer& trailer);
};

// An image that is replaced while we open it loses its files one by one. The name leads to the new one by then.
void Reader::State::open() {
  for (int attempt = 1;; ++attempt) {
    OwnedFd directory = open_directory(path);
    try {
      return load(directory.get());
    } catch (const Error&) {
      if (attempt == kMostAttempts || names(path, directory.get())) throw;
    }
  }
}

void Reader::State::load(int directory) {
  std::string head_bytes = read_file(directory, kHeadFile, kMostHeadFile);
  head = parse_head(head_bytes);
  if (head.features_size() != 0) codec = codec_of(head.features(0));
  std::string trailer_bytes = read_file(directory, kTrailerFile, kMostTrailerFile);
  Trailer trailer = parse_trailer(trailer_bytes);
  check_uuid(trailer, head);
  check_bytes(trailer, kHeadFile, head_bytes);
  records = parse_records(read_verified(directory, kRecordsFile, kMostRecordsFile, trailer));
  if (records.size() != trailer.record_count()) {
    damaged(kRecordsFile, fmt::format("has {} records instead of {}", records.size(), trailer.record_count()));
  }
  check_root(head, records);
  open_pages(directory, trailer);
  bytes = trailer_bytes.size();
  for (const FileDigest& file : trailer.files()) bytes += file.size();
}

void Reader::State::open_pages(int directory, const Trailer& trailer) {
  std::string index = read_verified(directory, kIndexFile, kMostIndexFile, trailer);
  check_digest(trailer, kPagesFile, index);  // the index vouches for the pages, frame by frame
  pages = open_file(directory, kPagesFile);
  check_size(trailer, kPagesFile, pages.size);
  frames = parse_index(index, pages.size);
}

Reader::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader::~Reader() = default;

Reader Reader::open(const std::string& path) {
  auto state = std::make_unique<State>();
  state->path = path;
  within([&] { return "image " + path; }, [&] { state->open(); });
  return Reader(std::move(state));
}

const Head& Reader::head() const { return state_->head; }
const std::vector<RawRecord>& Reader::records() const { return state_->records; }
const std::vector<Frame>& Reader::frames() const { return state_->frames; }
uint64_t Reader::page_bytes() const { return frames().empty() ? 0 : frames().back().offset + frames().back().length; }
uint64_t Reader::bytes() const { return state_->bytes; }

void Reader::State::read_stored(const Frame& frame, std::byte* buffer) const {
  reading(kPagesFile, [&] {
    kernel::pread_exactly(pages.fd.get(), buffer, frame.stored_length, static_cast<off_t>(frame.stored_offset));
  });
  if (digest(std::span(buffer, frame.stored_length)) != frame.digest) {
    damaged(kPagesFile,
            fmt::format("the {} bytes at {} do not fit their digest", frame.stored_length, frame.stored_offset));
  }
}

void Reader::State::read_compressed(const Frame& frame, std::byte* buffer) const {
  thread_local std::vector<std::byte> compressed(kFrameSize);
  read_stored(frame, compressed.data());
  if (!decompress(codec, std::span(compressed).first(frame.stored_length), {buffer, frame.length})) {
    damaged(kPagesFile,
            fmt::format("the {} bytes at {} can't be decompressed", frame.stored_length, frame.stored_offset));
  }
}

void Reader::read_frame(const Frame& frame, std::byte* buffer) const {
  within([&] { return "image " + state_->path; },
         [&] { frame.is_compressed() ? state_->read_compressed(frame, buffer) : state_->read_stored(frame, buffer); });
}

std::string Reader::read_pages(uint64_t offset, size_t size) const {
  const uint64_t end = offset + size;
  auto refuse = [&] {
    damaged("image " + state_->path, fmt::format("{}: no frames hold the {} bytes at {}", kPagesFile, size, offset));
  };
  if (end < offset || end > page_bytes()) refuse();
  std::string bytes;
  std::vector<std::byte> buffer(kFrameSize);
  auto frame = std::upper_bound(frames().begin(), frames().end(), offset,
                                [](uint64_t at, const Frame& each) { return at < each.offset + each.length; });
  for (uint64_t at = offset; at < end; ++frame) {
    if (frame == frames().end() || frame->offset > at) refuse();
    read_frame(*frame, buffer.data());
    const uint64_t next = std::min(end, frame->offset + frame->length);
    bytes.append(reinterpret_cast<const char*>(buffer.data()) + (at - frame->offset), next - at);
    at = next;
  }
  return bytes;
}

}  // namespace cairn::image
