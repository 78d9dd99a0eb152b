// Moves pages between address spaces of held tasks and the page file of an image. Bulk bytes move outside the ptrace
// thread: several workers each take the next frame, so no more than a frame a worker is ever in memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "image/reader.h"
#include "image/writer.h"

namespace cairn::memory {

// A run of pages: where it lies in an address space (or object), and where in the page file. All in bytes, page
// aligned.
struct Extent {
  uint64_t address = 0, length = 0, offset = 0;
};

// Adds an extent behind the last one, or to it where they follow each other in both places.
void append(std::vector<Extent>& extents, const Extent& extent);

// A range to be read. `pinnable`: process_vm_readv(2) can read it (the mapping has PROT_READ) and may, since no page of
// it is shared copy-on-write. It pins pages (FOLL_PIN), and a read pin of a page that a fork shares first copies it
// (gup_must_unshare(), Linux 5.19): the target would lose its sharing and grow.
struct SourceRange {
  uint64_t start = 0, end = 0;
  bool pinnable = true;
};

struct PageDigest {
  uint64_t address = 0, digest = 0;  // XXH3, 64 bits
};
uint64_t digest_of_page(const std::byte* page);

// Stores the content of these ranges (ascending) of a stopped process; pages of zeros are left out. Returns ascending
// extents, and where it is wanted the digest of each of their pages, in the same order.
std::vector<Extent> store_pages(HostPid process, std::span<const SourceRange> ranges, image::PageWriter& pages,
                                std::vector<PageDigest>* digests = nullptr);

// Stores the content of a file (`fd` is a description of our own, since its position moves): all pages that are neither
// holes nor zero, up to `size`. The addresses of the extents are file offsets; the last page may go beyond the end.
std::vector<Extent> store_file(int fd, uint64_t size, image::PageWriter& pages);

// Writes extents into a process whose mappings there are writable. Every frame is verified before its bytes are used.
void fill_pages(HostPid process, std::span<const Extent> extents, const image::Reader& image);

// The content of an extent list into a buffer-less file (memfd or regular), at file offset = address.
void fill_file(int fd, std::span<const Extent> extents, const image::Reader& image);

}  // namespace cairn::memory
