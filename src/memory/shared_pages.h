// Stores the private pages of many processes so that a page which several of them share copy-on-write, known by its
// frame number, is stored once. Without the right to see frame numbers (CAP_SYS_ADMIN) every process's pages are stored
// by themselves.
#pragma once

#include <unordered_map>

#include "memory/extents.h"

namespace cairn::memory {

class SharedPages {
 public:
  // In how many address spaces a page may be met again; with one there is nothing to remember.
  explicit SharedPages(size_t address_spaces) : several_(address_spaces > 1) {}

  // Stores these ranges (ascending) of a stopped process; pages of zeros are left out. A page that is shared is never
  // pinned, whatever its range says.
  Extents store(HostPid process, std::span<const SourceRange> ranges, image::PageWriter& pages);

 private:
  struct SharedPage {
    uint64_t address, frame;
  };
  bool several_;
  std::unordered_map<uint64_t, uint64_t> offsets_;  // frame number -> place in the page file
  std::unordered_map<uint64_t, bool> zeros_;        // frames that hold nothing but zeros
};

}  // namespace cairn::memory
