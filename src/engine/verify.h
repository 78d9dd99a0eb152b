// Whether every byte of an image is as it was written, without restoring it.
#pragma once

#include <cstdint>
#include <string>

#include "engine/progress.h"

namespace cairn::engine {

struct Verified {
  size_t records = 0, frames = 0;
  uint64_t bytes = 0;  // of all files
};

// Reads all of it, by all processors: the files' digests, the records, the plan of their restore, every frame of pages.
// Throws the first damage that it meets (Failure::kDamagedImage).
Verified verify_image(const std::string& image, const ProgressCallback& progress);

}  // namespace cairn::engine
