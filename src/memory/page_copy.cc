#include "memory/page_copy.h"

#include <fcntl.h>
#include <limits.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>

#include "image/digest.h"
#include "kernel/calls.h"
#include "kernel/cancel.h"
#include "kernel/storage.h"
#include "memory/workers.h"

namespace cairn::memory {
namespace {

using image::kFrameSize;
using image::kPageSize;

// At most a frame's worth of ranges.
using Chunk = std::vector<SourceRange>;

std::vector<Chunk> cut_into_chunks(std::span<const SourceRange> ranges) {
  std::vector<Chunk> chunks;
  uint64_t room = 0;
  for (SourceRange range : ranges) {
    while (range.start < range.end) {
      if (room == 0 || chunks.back().size() == IOV_MAX) {
        chunks.emplace_back();
        room = kFrameSize;
      }
      uint64_t size = std::min(room, range.end - range.start);
      chunks.back().push_back({range.start, range.start + size, range.pinnable});
      range.start += size;
      room -= size;
    }
  }
  return chunks;
}

// Reads memory of a stopped process without changing it: by process_vm_readv(2) where that may be, else through
// /proc/PID/mem, which takes plain references and needs no PROT_READ.
class MemoryReader {
 public:
  explicit MemoryReader(HostPid process)
      : process_(process), memory_(kernel::open(fmt::format("/proc/{}/mem", process.value), O_RDONLY)) {}

  void read(const Chunk& chunk, std::byte* buffer) const {
    if (!try_pinned(chunk, buffer)) read_plainly(chunk, buffer);
  }

 private:
  bool try_pinned(const Chunk& chunk, std::byte* buffer) const {
    std::vector<iovec> remote;
    size_t total = 0;
    for (const SourceRange& range : chunk) {
      if (!range.pinnable) return false;
      remote.push_back({reinterpret_cast<void*>(range.start), range.end - range.start});
      total += range.end - range.start;
    }
    iovec local{buffer, total};
    return kernel::try_process_vm_readv(process_, {&local, 1}, remote) == static_cast<ssize_t>(total);
  }

  // Ranges that follow each other, pinnable or not, are read in one piece.
  void read_plainly(const Chunk& chunk, std::byte* buffer) const {
    for (auto range = chunk.begin(); range != chunk.end();) {
      uint64_t start = range->start, end = range->end;
      for (++range; range != chunk.end() && range->start == end; ++range) end = range->end;
      kernel::pread_exactly(memory_.get(), buffer, end - start, static_cast<off_t>(start));
      buffer += end - start;
    }
  }

  HostPid process_;
  OwnedFd memory_;
};

bool is_zero_page(const std::byte* page) {
  static constexpr std::byte kZeros[kPageSize] = {};
  return std::memcmp(page, kZeros, kPageSize) == 0;
}

// Moves the pages that are not zero together and returns where they belong; offsets are relative to the frame.
std::vector<Extent> drop_zero_pages(const Chunk& chunk, std::byte* buffer, size_t& kept) {
  std::vector<Extent> extents;
  const std::byte* from = buffer;
  kept = 0;
  for (const SourceRange& range : chunk) {
    for (uint64_t address = range.start; address < range.end; address += kPageSize, from += kPageSize) {
      if (is_zero_page(from)) continue;
      if (from != buffer + kept) std::memmove(buffer + kept, from, kPageSize);
      append(extents, {address, kPageSize, kept});
      kept += kPageSize;
    }
  }
  return extents;
}

struct BufferDeleter {
  void operator()(std::byte* buffer) const { ::operator delete[](buffer, std::align_val_t{kPageSize}); }
};

// One frame's buffer a thread, kept from frame to frame.
std::byte* frame_buffer() {
  thread_local std::unique_ptr<std::byte[], BufferDeleter> buffer(
      static_cast<std::byte*>(::operator new[](kFrameSize, std::align_val_t{kPageSize})));
  return buffer.get();
}

// The extents that touch one frame, cut to it.
struct FramePart {
  const image::Frame* frame;
  std::vector<Extent> extents;
};

std::vector<FramePart> split_by_frame(std::span<const Extent> extents, const image::Reader& image) {
  std::vector<Extent> sorted(extents.begin(), extents.end());
  std::sort(sorted.begin(), sorted.end(), [](const Extent& a, const Extent& b) { return a.offset < b.offset; });
  std::vector<FramePart> parts;
  for (Extent extent : sorted) {
    while (extent.length > 0) {
      const auto& frames = image.frames();
      auto frame = std::upper_bound(frames.begin(), frames.end(), extent.offset,
                                    [](uint64_t offset, const image::Frame& f) { return offset < f.offset; });
      if (frame == frames.begin() || (frame - 1)->offset + (frame - 1)->length <= extent.offset) {
        throw Error(fmt::format("pages at offset {} of the page file are not in the image", extent.offset),
                    Failure::kDamagedImage);
      }
      --frame;
      uint64_t size = std::min<uint64_t>(extent.length, frame->offset + frame->length - extent.offset);
      if (parts.empty() || parts.back().frame != &*frame) parts.push_back({&*frame, {}});
      parts.back().extents.push_back({extent.address, size, extent.offset - frame->offset});
      extent = {extent.address + size, extent.length - size, extent.offset + size};
    }
  }
  return parts;
}

void write_part(HostPid process, std::span<const Extent> extents, std::byte* buffer) {
  while (!extents.empty()) {
    std::span<const Extent> now = extents.first(std::min<size_t>(extents.size(), IOV_MAX));
    std::vector<iovec> local;
    std::vector<iovec> remote;
    size_t total = 0;
    for (const Extent& extent : now) {
      local.push_back({buffer + extent.offset, extent.length});
      remote.push_back({reinterpret_cast<void*>(extent.address), extent.length});
      total += extent.length;
    }
    ssize_t written = kernel::try_process_vm_writev(process, local, remote);
    if (written < 0) throw Error::system("write memory", static_cast<int>(-written));
    if (written != static_cast<ssize_t>(total)) {
      throw Error(fmt::format("write memory: {} of {} bytes were taken (out of memory, or a mapping is not writable)",
                              written, total));
    }
    extents = extents.subspan(now.size());
  }
}

std::vector<Extent> join(const std::vector<std::vector<Extent>>& parts) {
  std::vector<Extent> result;
  for (const std::vector<Extent>& part : parts) {
    for (const Extent& extent : part) append(result, extent);
  }
  return result;
}

// The offsets of the extents still are those in the buffer.
std::vector<PageDigest> digests_of_pages(const std::vector<Extent>& extents, const std::byte* buffer) {
  std::vector<PageDigest> digests;
  for (const Extent& extent : extents)
    for (uint64_t at = 0; at < extent.length; at += kPageSize)
      digests.push_back({extent.address + at, digest_of_page(buffer + extent.offset + at)});
  return digests;
}

// Stores all that `read` puts into a frame's buffer but pages of zeros.
std::vector<Extent> store_chunks(std::span<const SourceRange> ranges, image::PageWriter& pages,
                                 const std::function<void(const Chunk&, std::byte*)>& read,
                                 std::vector<PageDigest>* digests = nullptr) {
  std::vector<Chunk> chunks = cut_into_chunks(ranges);
  std::vector<std::vector<Extent>> stored(chunks.size());
  std::vector<std::vector<PageDigest>> digests_of(digests == nullptr ? 0 : chunks.size());
  run_workers(chunks.size(), [&](size_t i) {
    kernel::stop_if_canceled();
    std::byte* buffer = frame_buffer();
    read(chunks[i], buffer);
    size_t kept = 0;
    stored[i] = drop_zero_pages(chunks[i], buffer, kept);
    if (kept == 0) return;
    if (digests != nullptr) digests_of[i] = digests_of_pages(stored[i], buffer);
    uint64_t offset = pages.append({buffer, kept});
    for (Extent& extent : stored[i]) extent.offset += offset;
  });
  for (const std::vector<PageDigest>& part : digests_of) digests->insert(digests->end(), part.begin(), part.end());
  return join(stored);
}

// Where a file has data (SEEK_DATA, SEEK_HOLE), in whole pages.
std::vector<SourceRange> data_ranges(int fd, uint64_t size) {
  std::vector<SourceRange> ranges;
  for (uint64_t at = 0; at < size;) {
    std::optional<uint64_t> data = kernel::try_seek_data(fd, at);
    if (!data || *data >= size) break;
    uint64_t hole = static_cast<uint64_t>(kernel::seek(fd, static_cast<off_t>(*data), SEEK_HOLE));
    uint64_t start = *data / kPageSize * kPageSize, end = (hole + kPageSize - 1) / kPageSize * kPageSize;
    if (!ranges.empty() && ranges.back().end > start) start = ranges.back().end;
    if (start < end) ranges.push_back({start, end});
    at = hole;
  }
  return ranges;
}

// Bytes beyond the end of the file are zeros.
void read_file_range(int fd, const SourceRange& range, uint64_t file_size, std::byte* to) {
  uint64_t end = std::min(range.end, file_size);
  kernel::pread_exactly(fd, to, end - range.start, static_cast<off_t>(range.start));
  std::memset(to + (end - range.start), 0, range.end - end);
}

}  // namespace

void append(std::vector<Extent>& extents, const Extent& extent) {
  if (!extents.empty() && extents.back().address + extents.back().length == extent.address &&
      extents.back().offset + extents.back().length == extent.offset) {
    extents.back().length += extent.length;
  } else {
    extents.push_back(extent);
  }
}

uint64_t digest_of_page(const std::byte* page) { return image::digest(page, kPageSize); }

std::vector<Extent> store_pages(HostPid process, std::span<const SourceRange> ranges, image::PageWriter& pages,
                                std::vector<PageDigest>* digests) {
  MemoryReader reader(process);
  auto read = [&](const Chunk& chunk, std::byte* buffer) { reader.read(chunk, buffer); };
  return store_chunks(ranges, pages, read, digests);
}

std::vector<Extent> store_file(int fd, uint64_t size, image::PageWriter& pages) {
  return store_chunks(data_ranges(fd, size), pages, [&](const Chunk& chunk, std::byte* buffer) {
    for (const SourceRange& range : chunk) {
      read_file_range(fd, range, size, buffer);
      buffer += range.end - range.start;
    }
  });
}

void fill_pages(HostPid process, std::span<const Extent> extents, const image::Reader& image) {
  std::vector<FramePart> parts = split_by_frame(extents, image);
  run_workers(parts.size(), [&](size_t i) {
    std::byte* buffer = frame_buffer();
    image.read_frame(*parts[i].frame, buffer);
    write_part(process, parts[i].extents, buffer);
  });
}

void fill_file(int fd, std::span<const Extent> extents, const image::Reader& image) {
  std::vector<FramePart> parts = split_by_frame(extents, image);
  run_workers(parts.size(), [&](size_t i) {
    std::byte* buffer = frame_buffer();
    image.read_frame(*parts[i].frame, buffer);
    for (const Extent& extent : parts[i].extents) {
      kernel::pwrite_all(fd, buffer + extent.offset, extent.length, static_cast<off_t>(extent.address));
    }
  });
}

}  // namespace cairn::memory
