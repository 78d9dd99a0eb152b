#include "memory/shared_pages.h"

#include <fcntl.h>

#include <algorithm>

#include "kernel/calls.h"
#include "kernel/pagemap.h"

namespace cairn::memory {
namespace {

using image::kPageSize;

constexpr size_t kEntriesAtOnce = 4096;

// The place of a page in ascending extents; none: it was left out, being zero.
std::optional<uint64_t> place_of(std::span<const Extent> extents, uint64_t address) {
  auto extent = std::upper_bound(extents.begin(), extents.end(), address,
                                 [](uint64_t at, const Extent& e) { return at < e.address; });
  if (extent == extents.begin()) return {};
  --extent;
  if (address >= extent->address + extent->length) return {};
  return extent->offset + (address - extent->address);
}

}  // namespace

Extents SharedPages::store(HostPid process, std::span<const SourceRange> ranges, image::PageWriter& pages) {
  if (!several_ && std::ranges::none_of(ranges, &SourceRange::pinnable)) return store_pages(process, ranges, pages);
  OwnedFd pagemap = kernel::open(fmt::format("/proc/{}/pagemap", process.value), O_RDONLY);
  std::vector<SourceRange> to_store;
  std::vector<SharedPage> new_shared;
  Extents known;
  auto store_page = [&](uint64_t address, bool pinnable) {
    if (!to_store.empty() && to_store.back().end == address && to_store.back().pinnable == pinnable) {
      to_store.back().end += kPageSize;
    } else {
      to_store.push_back({address, address + kPageSize, pinnable});
    }
  };
  for (const SourceRange& range : ranges) {
    for (uint64_t at = range.start; at < range.end; at += kEntriesAtOnce * kPageSize) {
      size_t count = std::min<uint64_t>(kEntriesAtOnce, (range.end - at) / kPageSize);
      std::vector<uint64_t> entries = kernel::pagemap_entries(pagemap.get(), at, count);
      for (size_t i = 0; i < count; ++i) {
        uint64_t address = at + i * kPageSize;
        bool shared = kernel::pagemap_present(entries[i]) && !kernel::pagemap_exclusive(entries[i]);
        uint64_t frame = shared && several_ ? kernel::pagemap_frame(entries[i]) : 0;
        if (frame == 0) {
          store_page(address, range.pinnable && !shared);
        } else if (auto place = offsets_.find(frame); place != offsets_.end()) {
          known.push_back({address, kPageSize, place->second});
        } else if (!zeros_.contains(frame)) {
          store_page(address, false);
          new_shared.push_back({address, frame});
        }
      }
    }
  }
  Extents stored = store_pages(process, to_store, pages);
  for (const SharedPage& page : new_shared) {
    if (auto place = place_of(stored, page.address)) {
      offsets_[page.frame] = *place;
    } else {
      zeros_[page.frame] = true;
    }
  }
  return united_pages(stored, known);
}

}  // namespace cairn::memory
