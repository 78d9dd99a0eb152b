// Where in the address spaces of a plan the batch region can lie, and at which number the socket of bare tasks.
#pragma once

#include "graph/records.h"

namespace cairn::engine {

// A hole of `size` bytes that is free in every address space of the image and in cairn's own. Error when there is none.
RemoteAddress find_common_hole(const graph::RecordSet& records, uint64_t size);

// One more than the highest descriptor number of the image.
int first_free_number(const graph::RecordSet& records);

}  // namespace cairn::engine
