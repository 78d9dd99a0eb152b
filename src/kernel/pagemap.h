// Which pages of an address space hold something: ioctl(PAGEMAP_SCAN) (Linux 6.7) on /proc/PID/pagemap, or the plain
// pagemap where that is missing. Source: Documentation/admin-guide/mm/pagemap.rst.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace cairn::kernel {

struct PageRange {
  uint64_t start = 0, end = 0;  // bytes, page aligned
  bool file = false;            // PAGE_IS_FILE: a page of a file or shared memory object, never copied for this process
  bool operator==(const PageRange&) const = default;
};

// The populated pages (present or swapped, not the shared zero page) in [start, end), in ascending order, merged.
// `pagemap_fd` is an open /proc/PID/pagemap; `end` is at most the top of the address space (0x7ffffffff000 with four
// levels of page tables), beyond which a scan is EFAULT; what lies in the kernel's half ([vsyscall]) is empty.
// Guard pages (MADV_GUARD_INSTALL, Linux 6.13) hold nothing and are left out. The plain pagemap tells a zero page only
// to a reader with CAP_SYS_ADMIN: without it zero pages count as populated.
enum class PagemapSource { kBest, kScan, kPlain };
std::vector<PageRange> populated_pages(int pagemap_fd, uint64_t start, uint64_t end,
                                       PagemapSource source = PagemapSource::kBest);

// The guard pages in [start, end), merged (Linux 6.15 shows them); empty when the kernel can't tell.
std::optional<std::vector<PageRange>> guard_pages(int pagemap_fd, uint64_t start, uint64_t end);

// Raw pagemap entries of `count` pages from `start`.
std::vector<uint64_t> pagemap_entries(int pagemap_fd, uint64_t start, size_t count);
inline bool pagemap_present(uint64_t entry) { return (entry >> 63) & 1; }
inline bool pagemap_swapped(uint64_t entry) { return (entry >> 62) & 1; }
inline bool pagemap_file(uint64_t entry) { return (entry >> 61) & 1; }
inline bool pagemap_guard(uint64_t entry) { return (entry >> 58) & 1; }  // Linux 6.15
inline bool pagemap_exclusive(uint64_t entry) { return (entry >> 56) & 1; }
inline uint64_t pagemap_frame(uint64_t entry) { return entry & ((uint64_t{1} << 55) - 1); }  // 0 without CAP_SYS_ADMIN

}  // namespace cairn::kernel
