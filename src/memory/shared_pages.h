// Stores the private pages of many processes so that a page which several of them share copy-on-write, known by its
// frame number, is stored once. Without the right to see frame numbers (CAP_SYS_ADMIN) every process's pages are stored
// by themselves.
//
// The kernel may move a page to another frame, and another page into that one, while we look. So a frame that was met
// before is read all the same, and counts only if its content is what was stored.
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
  struct Stored {
    uint64_t offset, digest;  // where it is in the page file
  };
  void remember(const std::vector<SharedPage>& pages, const Extents& stored, const std::vector<PageDigest>& digests);

  bool several_;
  std::unordered_map<uint64_t, Stored> by_frame_;
};

}  // namespace cairn::memory
