// Which signal may end a task's batches (S in stub.S).
#pragma once

#include <cstdint>

#include "kernel/procfs.h"
#include "tracee/task.h"

namespace cairn::tracee {

// What a process does with signals, bit n-1 for signal n, from /proc/PID/status.
struct Dispositions {
  uint64_t ignored = 0, caught = 0, pending = 0;
};
Dispositions read_dispositions(const kernel::KeyValues& status);

// For a program that may outlive us: a signal without effect, whether or not it is traced. First choice is one that the
// task doesn't block: then it can't be pending, and nobody waits for it with the signal blocked. 0 when there is none.
int harmless_end_signal(const Dispositions& process, uint64_t blocked, uint64_t pending);

// For a task that dies with us: any that is not in `reserved` and does nothing beside being queued. 0 when there is
// none.
int any_end_signal(uint64_t reserved);

}  // namespace cairn::tracee
