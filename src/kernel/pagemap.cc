#include "kernel/pagemap.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "kernel/calls.h"
#include "kernel/constants.h"
#include "kernel/described_object.h"

namespace cairn::kernel {
namespace {

const uint64_t kPageSize = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));

void append(std::vector<PageRange>& ranges, PageRange next) {
  if (!ranges.empty() && ranges.back().end == next.start && ranges.back().file == next.file) {
    ranges.back().end = next.end;
  } else {
    ranges.push_back(next);
  }
}

// One PAGEMAP_SCAN over [start, end) that matches `request`'s categories; empty when this kernel doesn't know the
// ioctl or one of the categories.
std::optional<std::vector<PageRange>> scan(int pagemap_fd, uint64_t start, uint64_t end, PagemapScan request) {
  std::array<PageRegion, 2048> regions;
  std::vector<PageRange> ranges;
  request.size = sizeof(request);
  request.end = end;
  request.vec = reinterpret_cast<uint64_t>(regions.data());
  request.vec_len = regions.size();
  while (start < end) {
    request.start = start;
    long count = call("ioctl(PAGEMAP_SCAN)", SYS_ioctl, pagemap_fd, kPagemapScan, arg(&request));
    if (count == -ENOTTY || count == -EINVAL) return std::nullopt;
    if (count < 0) fail("scan", describe_descriptor(pagemap_fd), count);
    for (const PageRegion& region : std::span(regions).first(static_cast<size_t>(count)))
      append(ranges, {region.start, region.end, (region.categories & kPageIsFile) != 0});
    if (static_cast<size_t>(count) < regions.size()) break;
    // walk_end is stale when the scan took more than one internal pass (512 regions) and then finished; going on there
    // would show regions twice (seen on 6.18).
    start = std::max(request.walk_end, regions[static_cast<size_t>(count) - 1].end);
  }
  return ranges;
}

std::optional<std::vector<PageRange>> populated_by_scan(int pagemap_fd, uint64_t start, uint64_t end) {
  // Without the PRESENT | SWAPPED filter a scan reports, and on userfaultfd-registered memory even populates, holes.
  PagemapScan request{};
  request.category_anyof_mask = kPageIsPresent | kPageIsSwapped;
  request.category_mask = request.category_inverted = kPageIsPfnZero | kPageIsGuard;
  request.return_mask = kPageIsFile;
  if (auto ranges = scan(pagemap_fd, start, end, request)) return ranges;
  request.category_mask = request.category_inverted = kPageIsPfnZero;  // before 6.15 there is no kPageIsGuard
  return scan(pagemap_fd, start, end, request);
}

// The frame of the shared zero page, found where it must be: in a page of our own that was only read. 0 when the
// kernel doesn't show frames to us.
uint64_t zero_page_frame() {
  void* page = ::mmap(nullptr, kPageSize, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return 0;
  [[maybe_unused]] char read = *static_cast<volatile char*>(page);
  uint64_t entry = pagemap_entries(open("/proc/self/pagemap", O_RDONLY).get(), reinterpret_cast<uint64_t>(page), 1)[0];
  ::munmap(page, kPageSize);
  return pagemap_frame(entry);
}

bool is_populated(uint64_t entry, uint64_t zero_frame) {
  if (pagemap_guard(entry)) return false;
  if (pagemap_swapped(entry)) return true;
  return pagemap_present(entry) && (zero_frame == 0 || pagemap_frame(entry) != zero_frame);
}

std::vector<PageRange> populated_by_reading(int pagemap_fd, uint64_t start, uint64_t end) {
  constexpr uint64_t kPagesAtOnce = 32 * 1024;
  const uint64_t zero_frame = zero_page_frame();
  std::vector<PageRange> ranges;
  while (start < end) {
    size_t count = std::min(kPagesAtOnce, (end - start + kPageSize - 1) / kPageSize);
    for (uint64_t entry : pagemap_entries(pagemap_fd, start, count)) {
      if (is_populated(entry, zero_frame)) append(ranges, {start, start + kPageSize, pagemap_file(entry)});
      start += kPageSize;
    }
  }
  return ranges;
}

// Nothing of a process lies in the upper half; [vsyscall] does, and a scan there is EFAULT.
bool is_user_range(uint64_t start, uint64_t end) { return start < end && (end >> 63) == 0; }

}  // namespace

std::vector<PageRange> populated_pages(int pagemap_fd, uint64_t start, uint64_t end, PagemapSource source) {
  if (!is_user_range(start, end)) return {};
  if (source != PagemapSource::kPlain) {
    if (auto ranges = populated_by_scan(pagemap_fd, start, end)) return std::move(*ranges);
    if (source == PagemapSource::kScan) throw Error("this kernel has no PAGEMAP_SCAN (Linux 6.7)");
  }
  return populated_by_reading(pagemap_fd, start, end);
}

std::optional<std::vector<PageRange>> guard_pages(int pagemap_fd, uint64_t start, uint64_t end) {
  if (!is_user_range(start, end)) return std::vector<PageRange>{};
  PagemapScan request{};
  request.category_mask = request.return_mask = kPageIsGuard;
  return scan(pagemap_fd, start, end, request);
}

std::vector<uint64_t> pagemap_entries(int pagemap_fd, uint64_t start, size_t count) {
  std::vector<uint64_t> entries(count);
  char* at = reinterpret_cast<char*>(entries.data());
  size_t left = count * sizeof(uint64_t);
  off_t offset = static_cast<off_t>(start / kPageSize * sizeof(uint64_t));
  while (left > 0) {
    long size = call("pread64", SYS_pread64, pagemap_fd, arg(at), static_cast<long>(left), offset);
    if (size < 0) fail("read", describe_descriptor(pagemap_fd), size);
    if (size == 0) break;  // past the last address: the rest stays 0, nothing is there
    at += size;
    left -= static_cast<size_t>(size);
    offset += size;
  }
  return entries;
}

}  // namespace cairn::kernel
