#include "memory/extents.h"

#include <algorithm>

namespace cairn::memory {
namespace {

enum class Relation { kAlone, kSame, kDifferent };

uint64_t end_of(const Extent& extent) { return extent.address + extent.length; }

// Cuts `a` where its relation to `b` changes and visits the pieces in order.
template <typename Visit>
void compare(std::span<const Extent> a, std::span<const Extent> b, Visit visit) {
  auto other = b.begin();
  for (Extent extent : a) {
    while (extent.length > 0) {
      while (other != b.end() && end_of(*other) <= extent.address) ++other;
      uint64_t until = end_of(extent);
      Relation relation = Relation::kAlone;
      if (other != b.end() && other->address < until) {
        if (other->address > extent.address) {
          until = other->address;
        } else {
          until = std::min(until, end_of(*other));
          relation = other->offset + (extent.address - other->address) == extent.offset ? Relation::kSame
                                                                                        : Relation::kDifferent;
        }
      }
      uint64_t size = until - extent.address;
      visit(Extent{extent.address, size, extent.offset}, relation);
      extent = {extent.address + size, extent.length - size, extent.offset + size};
    }
  }
}

template <typename Wanted>
Extents select(std::span<const Extent> a, std::span<const Extent> b, Wanted wanted) {
  Extents selected;
  compare(a, b, [&](const Extent& extent, Relation relation) {
    if (wanted(relation)) append(selected, extent);
  });
  return selected;
}

}  // namespace

Extents common_pages(std::span<const Extent> a, std::span<const Extent> b) {
  return select(a, b, [](Relation relation) { return relation == Relation::kSame; });
}

Extents pages_not_same(std::span<const Extent> a, std::span<const Extent> b) {
  return select(a, b, [](Relation relation) { return relation != Relation::kSame; });
}

Extents pages_not_in(std::span<const Extent> a, std::span<const Extent> b) {
  return select(a, b, [](Relation relation) { return relation == Relation::kAlone; });
}

Extents united_pages(std::span<const Extent> a, std::span<const Extent> b) {
  Extents all(a.begin(), a.end());
  for (const Extent& extent : pages_not_in(b, a)) all.push_back(extent);
  std::sort(all.begin(), all.end(), [](const Extent& x, const Extent& y) { return x.address < y.address; });
  return all;
}

Extents pages_within(std::span<const Extent> a, uint64_t start, uint64_t end) {
  Extents inside;
  for (const Extent& extent : a) {
    uint64_t from = std::max(start, extent.address), to = std::min(end, end_of(extent));
    if (from < to) append(inside, {from, to - from, extent.offset + (from - extent.address)});
  }
  return inside;
}

}  // namespace cairn::memory
