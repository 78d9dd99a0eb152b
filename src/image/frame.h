// A piece of an image's pages: whole pages with a digest of their own. Pages are named by offsets in what all frames
// are together; where a frame is stored is its own business.
#pragma once

#include <cstdint>

namespace cairn::image {

struct Frame {
  uint64_t offset = 0;
  uint32_t length = 0;
  uint64_t digest = 0;         // of the bytes that are stored
  uint64_t stored_offset = 0;  // in the page file
  uint32_t stored_length = 0;  // less than `length` when it is compressed
  bool is_compressed() const { return stored_length < length; }
};

}  // namespace cairn::image
