#include "engine/layout.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "kernel/procfs.h"
#include "resources/memory/mm.pb.h"
#include "resources/process/fd_table.pb.h"

namespace cairn::engine {
namespace {

constexpr uint64_t kLowest = 0x10000000, kHighest = 0x7f0000000000;

struct Range {
  uint64_t start, end;
};

}  // namespace

RemoteAddress find_common_hole(const graph::RecordSet& records, uint64_t size) {
  std::vector<Range> used = {{0, kLowest}, {kHighest, UINT64_MAX}};
  for (const graph::Record* record : records.of_kind("mm")) {
    for (const image::Mapping& mapping : record->as<image::Mm>().mappings())
      used.push_back({mapping.start(), mapping.end()});
  }
  auto self = kernel::ProcDir::open(HostPid{::getpid()});
  for (const kernel::MapsEntry& mapping : self->maps()) used.push_back({mapping.start, mapping.end});
  std::sort(used.begin(), used.end(), [](const Range& a, const Range& b) { return a.start < b.start; });
  Range best{0, 0};
  uint64_t reached = 0;
  for (const Range& range : used) {
    if (range.start > reached && range.start - reached > best.end - best.start) best = {reached, range.start};
    reached = std::max(reached, range.end);
  }
  if (best.end - best.start < size) throw Error("there is no hole common to all address spaces of the image");
  // The middle: what grows towards it (heaps, stacks, our own mappings meanwhile) is far away.
  return {(best.start + (best.end - best.start - size) / 2) & ~uint64_t{0x1fffff}};
}

int first_free_number(const graph::RecordSet& records) {
  int number = 0;
  for (const graph::Record* record : records.of_kind("fd_table")) {
    for (const image::Descriptor& entry : record->as<image::FdTable>().descriptors()) {
      number = std::max(number, entry.number() + 1);
    }
  }
  return number;
}

}  // namespace cairn::engine
