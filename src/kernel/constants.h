// Constants and structures of the kernel that are newer than the headers Cairn may be built with (Linux 6.1), each with
// the version that brought it. The names differ from the kernel's, so that newer headers don't clash.
#pragma once

#include <sys/ioctl.h>

#include <cstdint>

namespace cairn::kernel {

// fcntl(2), include/uapi/linux/fcntl.h; F_LINUX_SPECIFIC_BASE is 1024.
inline constexpr int kDupfdQuery = 1024 + 3;    // F_DUPFD_QUERY, 6.10: is the argument the same open file description?
inline constexpr int kCreatedQuery = 1024 + 4;  // F_CREATED_QUERY, 6.12

// ioctl(PAGEMAP_SCAN) on /proc/PID/pagemap, 6.7: struct page_region and struct pm_scan_arg of linux/fs.h.
struct PageRegion {
  uint64_t start, end, categories;
};
struct PagemapScan {
  uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
  uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
inline constexpr unsigned long kPagemapScan = _IOWR('f', 16, PagemapScan);
inline constexpr uint64_t kScanWriteProtectMatching = 1 << 0;  // PM_SCAN_WP_MATCHING
inline constexpr uint64_t kScanCheckWriteProtect = 1 << 1;     // PM_SCAN_CHECK_WPASYNC
inline constexpr uint64_t kPageIsWriteProtectable = 1 << 0;    // PAGE_IS_WPALLOWED
inline constexpr uint64_t kPageIsWritten = 1 << 1;
inline constexpr uint64_t kPageIsFile = 1 << 2;
inline constexpr uint64_t kPageIsPresent = 1 << 3;
inline constexpr uint64_t kPageIsSwapped = 1 << 4;
inline constexpr uint64_t kPageIsPfnZero = 1 << 5;
inline constexpr uint64_t kPageIsHuge = 1 << 6;
inline constexpr uint64_t kPageIsSoftDirty = 1 << 7;
inline constexpr uint64_t kPageIsGuard = 1 << 8;  // 6.15

}  // namespace cairn::kernel
