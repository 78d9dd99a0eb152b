// The lock of PageWriter guards the bookkeeping only: a place in the file is reserved under it, and the bytes are
// hashed and written beside it.
#include <algorithm>

#include "base/error.h"
#include "image/digest.h"
#include "image/writer.h"
#include "kernel/calls.h"

namespace cairn::image {

uint64_t PageWriter::append(std::span<const std::byte> pages) {
  CAIRN_ASSERT(!pages.empty() && pages.size() <= kFrameSize && pages.size() % kPageSize == 0);
  const uint64_t offset = reserve(pages.size());
  const uint64_t digest = image::digest(pages);
  kernel::pwrite_all(file_.get(), pages.data(), pages.size(), static_cast<off_t>(offset));
  std::lock_guard lock(mutex_);
  frames_.push_back({.offset = offset, .length = static_cast<uint32_t>(pages.size()), .digest = digest});
  return offset;
}

uint64_t PageWriter::reserve(size_t size) {
  std::lock_guard lock(mutex_);
  return std::exchange(end_, end_ + size);
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
