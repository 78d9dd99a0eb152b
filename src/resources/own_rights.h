// What cairn itself has and may do. Tasks that it makes are born with the same, so that this decides what can be given
// to them.
#pragma once

#include <sys/resource.h>

#include "kernel/procfs.h"

namespace cairn::resources {

// /proc/self/status, read once.
const kernel::KeyValues& own_status();
// In the effective set (linux/capability.h).
bool has_capability(int capability);
rlimit own_limit(int resource);

}  // namespace cairn::resources
