// Waits for the ids of killed processes to be free, so that an image can be restored as soon as its checkpoint is done.
#pragma once

#include <vector>

#include "tracee/task.h"

namespace cairn::engine {

// Orphans are reaped by init or the nearest sub-reaper, others by their own parents, in their own time. Nobody is
// waited for who may be waiting for cairn itself.
void wait_until_free(const std::vector<HostPid>& killed, tracee::Deadline deadline);

}  // namespace cairn::engine
