// The lock of PageWriter guards the bookkeeping only: a place in the file is reserved under it, and the bytes are
// hashed and written beside it.
#include <algorithm>

#include "base/error.h"
#include "image/digest.h"
#include "image/writer.h"
#include "kernel/calls.h"
#include "kernel/storage.h"

namespace cairn::image {

namespace {

// Writing 1 GiB to new blocks of ext4 is a third faster when they have been allocated in large pieces before (measured
// on Linux 6.18). tmpfs gains nothing, and btrfs does not compress what was preallocated: so only there.
constexpr long kExt4Magic = 0xEF53;
constexpr uint64_t kPreallocation = uint64_t{64} << 20;

}  // namespace

PageWriter::PageWriter(OwnedFd file)
    : file_(std::move(file)), preallocates_(kernel::file_system_type(file_.get()) == kExt4Magic) {}

uint64_t PageWriter::append(std::span<const std::byte> pages) {
  CAIRN_ASSERT(!pages.empty() && pages.size() <= kFrameSize && pages.size() % kPageSize == 0);
  const Reservation place = reserve(pages.size());
  if (place.preallocate_to > place.preallocate_from) {
    // Where it fails there may still be room for what is really written.
    kernel::try_preallocate(file_.get(), static_cast<off_t>(place.preallocate_from),
                            static_cast<off_t>(place.preallocate_to - place.preallocate_from));
  }
  const uint64_t digest = image::digest(pages);
  kernel::pwrite_all(file_.get(), pages.data(), pages.size(), static_cast<off_t>(place.offset));
  std::lock_guard lock(mutex_);
  frames_.push_back({.offset = place.offset, .length = static_cast<uint32_t>(pages.size()), .digest = digest});
  return place.offset;
}

PageWriter::Reservation PageWriter::reserve(size_t size) {
  std::lock_guard lock(mutex_);
  Reservation place{.offset = end_, .preallocate_from = preallocated_, .preallocate_to = preallocated_};
  end_ += size;
  // Small images do without.
  if (preallocates_ && end_ >= kPreallocation / 4 && end_ > preallocated_) {
    place.preallocate_from = std::max(preallocated_, place.offset);
    preallocated_ = place.preallocate_to = place.offset + kPreallocation;
  }
  return place;
}

void PageWriter::finish() {
  std::lock_guard lock(mutex_);
  if (preallocated_ > end_) kernel::ftruncate(file_.get(), static_cast<off_t>(end_));
}

uint64_t PageWriter::bytes() const {
  std::lock_guard lock(mutex_);
  return end_;
}

PageIndex PageWriter::index() const {
  std::lock_guard lock(mutex_);
  std::vector<Frame> frames = frames_;
  std::sort(frames.begin(), frames.end(), [](const Frame& a, const Frame& b) { return a.offset < b.offset; });
  PageIndex index;
  uint64_t end = 0;
  for (const Frame& frame : frames) {
    // A hole is a frame whose append failed or is not done.
    CAIRN_ASSERT(frame.offset == end);
    end += frame.length;
    index.add_offset(frame.offset);
    index.add_length(frame.length);
    index.add_digest(frame.digest);
  }
  CAIRN_ASSERT(end == end_);
  return index;
}

}  // namespace cairn::image
