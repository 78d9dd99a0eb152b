// A piece of the page file: whole pages with a digest of their own.
#pragma once

#include <cstdint>

namespace cairn::image {

struct Frame {
  uint64_t offset = 0;
  uint32_t length = 0;
  uint64_t digest = 0;
};

}  // namespace cairn::image
