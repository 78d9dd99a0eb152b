// Content of files in an image: PageExtents and the page file, in both directions.
#pragma once

#include "memory/page_copy.h"
#include "resources/page_extents.pb.h"

namespace cairn::resources {

// `fd`: a readable description of our own.
image::PageExtents store_content(int fd, uint64_t size, image::PageWriter& pages);
// Fills an empty file and gives it its size.
void restore_content(int fd, uint64_t size, const image::PageExtents& extents, const image::Reader& image);

}  // namespace cairn::resources
