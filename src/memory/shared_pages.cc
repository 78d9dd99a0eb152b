#include "memory/shared_pages.h"

#include <fcntl.h>

#include <algorithm>

#include "kernel/calls.h"
#include "kernel/pagemap.h"

namespace cairn::memory {
namespace {

using image::kPageSize;

constexpr size_t kEntriesAtOnce = 4096;

// The place of a page in ascending extents that have it.
uint64_t place_of(std::span<const Extent> extents, uint64_t address) {
  auto extent = std::upper_bound(extents.begin(), extents.end(), address,
                                 [](uint64_t at, const Extent& e) { return at < e.address; });
  --extent;
  return extent->offset + (address - extent->address);
}

uint64_t read_digest(int memory, uint64_t address) {
  alignas(kPageSize) std::byte page[kPageSize];
  kernel::pread_exactly(memory, page, kPageSize, static_cast<off_t>(address));
  return digest_of_page(page);
}

}  // namespace

Extents SharedPages::store(HostPid process, std::span<const SourceRange> ranges, image::PageWriter& pages) {
  if (!several_ && std::ranges::none_of(ranges, &SourceRange::pinnable)) return store_pages(process, ranges, pages);
  OwnedFd pagemap = kernel::open(fmt::format("/proc/{}/pagemap", process.value), O_RDONLY);
  OwnedFd memory = kernel::open(fmt::format("/proc/{}/mem", process.value), O_RDONLY);
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
        auto place = frame == 0 ? by_frame_.end() : by_frame_.find(frame);
        if (place != by_frame_.end() && read_digest(memory.get(), address) == place->second.digest) {
          known.push_back({address, kPageSize, place->second.offset});
        } else {
          store_page(address, range.pinnable && !shared);
          if (frame != 0) new_shared.push_back({address, frame});
        }
      }
    }
  }
  std::vector<PageDigest> digests;
  Extents stored = store_pages(process, to_store, pages, new_shared.empty() ? nullptr : &digests);
  remember(new_shared, stored, digests);
  return united_pages(stored, known);
}

// Pages of zeros are not among those that were stored.
void SharedPages::remember(const std::vector<SharedPage>& pages, const Extents& stored,
                           const std::vector<PageDigest>& digests) {
  auto digest = digests.begin();
  for (const SharedPage& page : pages) {
    while (digest != digests.end() && digest->address < page.address) ++digest;
    if (digest == digests.end()) return;
    if (digest->address == page.address) by_frame_[page.frame] = {place_of(stored, page.address), digest->digest};
  }
}

}  // namespace cairn::memory
