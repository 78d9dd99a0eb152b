// Content of files in an image: PageExtents and the page file, in both directions.
#pragma once

#include "memory/page_copy.h"
#include "resources/page_extents.pb.h"

namespace cairn::resources {

// A description of our own for reading the file behind `fd`: it has its own position, and leaves the time of the last
// access alone where that may be asked for (O_NOATIME takes the owner).
OwnedFd open_for_content(int fd);
// `fd`: from open_for_content().
image::PageExtents store_content(int fd, uint64_t size, image::PageWriter& pages);
// Fills an empty file and gives it its size.
void restore_content(int fd, uint64_t size, const image::PageExtents& extents, const image::Reader& image);

}  // namespace cairn::resources
