// Sets of stored pages, as ascending lists of extents, compared page by page. Two pages are the same when they have one
// address and one place in the page file: at checkpoint a page that several processes share copy-on-write is stored
// once.
#pragma once

#include <span>
#include <vector>

#include "memory/page_copy.h"

namespace cairn::memory {

using Extents = std::vector<Extent>;

// The pages of `a` that `b` has too, at the same place in the page file.
Extents common_pages(std::span<const Extent> a, std::span<const Extent> b);
// The pages of `a` that are not the same in `b`: missing there or stored elsewhere.
Extents pages_not_same(std::span<const Extent> a, std::span<const Extent> b);
// The pages of `a` at whose addresses `b` has none.
Extents pages_not_in(std::span<const Extent> a, std::span<const Extent> b);
// All pages of `a`, and those of `b` at other addresses.
Extents united_pages(std::span<const Extent> a, std::span<const Extent> b);
// The pages of `a` within [start, end).
Extents pages_within(std::span<const Extent> a, uint64_t start, uint64_t end);

}  // namespace cairn::memory
