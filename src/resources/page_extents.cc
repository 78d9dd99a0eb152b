#include "resources/page_extents.h"

#include <sys/syscall.h>

#include "kernel/calls.h"

namespace cairn::resources {

OwnedFd open_for_content(int fd) {
  std::string path = fmt::format("/proc/self/fd/{}", fd);
  long own = kernel::call("openat", SYS_openat, AT_FDCWD, kernel::arg(path.c_str()), O_RDONLY | O_NOATIME | O_CLOEXEC);
  return own >= 0 ? OwnedFd(static_cast<int>(own)) : kernel::open(path, O_RDONLY);
}

image::PageExtents store_content(int fd, uint64_t size, image::PageWriter& pages) {
  image::PageExtents extents;
  for (const memory::Extent& extent : memory::store_file(fd, size, pages)) {
    extents.add_position(extent.address);
    extents.add_length(extent.length);
    extents.add_page_offset(extent.offset);
  }
  return extents;
}

void restore_content(int fd, uint64_t size, const image::PageExtents& extents, const image::Reader& image) {
  if (extents.length_size() != extents.position_size() || extents.page_offset_size() != extents.position_size()) {
    throw Error("the columns of a file's pages differ in length", Failure::kDamagedImage);
  }
  std::vector<memory::Extent> parts;
  for (int i = 0; i < extents.position_size(); ++i) {
    parts.push_back({extents.position(i), extents.length(i), extents.page_offset(i)});
  }
  memory::fill_file(fd, parts, image);
  kernel::ftruncate(fd, static_cast<off_t>(size));  // cuts what the last page has too much, or makes the last hole
}

}  // namespace cairn::resources
