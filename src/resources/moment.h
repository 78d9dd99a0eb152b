// The moment of a checkpoint, by the two clocks that only run forward. What is left of timers is told as of this moment
// in the image, so that at a restore they keep step with the clocks.
#pragma once

#include <time.h>

#include <cstdint>

#include "kernel/clocks.h"

namespace cairn::resources {

struct Moment {
  struct Clocks {
    int64_t monotonic = 0, boottime = 0;  // ns
    int64_t of(clockid_t clock) const { return kernel::base_clock(clock) == CLOCK_BOOTTIME ? boottime : monotonic; }
  };
  // What they said in the tree, and what they say here, in cairn's own time namespace. At a restore that is another
  // time, but the same distance from now.
  Clocks tree, here;

  // Now, when the tree's clocks are our own.
  static Moment now() {
    Clocks clocks{kernel::clock_now(CLOCK_MONOTONIC), kernel::clock_now(CLOCK_BOOTTIME)};
    return {clocks, clocks};
  }
  // Time of day or processor time have no place in this.
  static bool tells(clockid_t clock) {
    return kernel::base_clock(clock) == CLOCK_MONOTONIC || kernel::base_clock(clock) == CLOCK_BOOTTIME;
  }
  // Nanoseconds since then.
  int64_t age() const { return kernel::clock_now(CLOCK_MONOTONIC) - here.monotonic; }
  // The same, when a task of the tree has read its CLOCK_MONOTONIC.
  int64_t age_in_tree(const timespec& now) const {
    return now.tv_sec * kernel::kNanosecondsPerSecond + now.tv_nsec - tree.monotonic;
  }
};

}  // namespace cairn::resources
