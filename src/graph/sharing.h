// What tasks share beyond their process: memory, descriptor tables, file system states and dispositions become common
// by clone(2) alone, so whoever shares one must be cloned by a task that has it.
#pragma once

#include <vector>

#include "graph/births.h"
#include "graph/records.h"

namespace cairn::graph {

// The processes that share something with another one than their creator.
std::vector<Obstacle> find_unshareable(const RecordSet& records, const Tree& tree, const Births& births);

}  // namespace cairn::graph
