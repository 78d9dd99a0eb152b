// Which pages of an address space hold something: ioctl(PAGEMAP_SCAN) (Linux 6.7) on /proc/PID/pagemap, or the plain
// pagemap where that is missing. Source: Documentation/admin-guide/mm/pagemap.rst.
#pragma once

#include <cstdint>
#include <vector>

namespace cairn::kernel {

struct PageRange {
  uint64_t start = 0, end = 0;  // bytes, page aligned
  bool file = false;            // PAGE_IS_FILE: a page of a file or shared memory object, never copied for this process
};

// The populated pages (present or swapped, not the shared zero page) in [start, end), in ascending order, merged.
// `pagemap_fd` is an open /proc/PID/pagemap.
std::vector<PageRange> populated_pages(int pagemap_fd, uint64_t start, uint64_t end);

// Raw pagemap entries of `count` pages from `start`.
std::vector<uint64_t> pagemap_entries(int pagemap_fd, uint64_t start, size_t count);
inline bool pagemap_exclusive(uint64_t entry) { return (entry >> 56) & 1; }
inline uint64_t pagemap_frame(uint64_t entry) { return entry & ((uint64_t{1} << 55) - 1); }  // 0 without CAP_SYS_ADMIN

}  // namespace cairn::kernel
