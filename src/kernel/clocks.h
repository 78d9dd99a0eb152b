// The clocks, and what a time namespace adds to two of them (time_namespaces(7), Linux 5.6).
#pragma once

#include <time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace cairn::kernel {

inline constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

// Nanoseconds; at most as many as the kernel's timers hold (KTIME_MAX).
inline int64_t later(int64_t time, int64_t by) {
  int64_t sum = 0;
  return __builtin_add_overflow(time, by, &sum) ? INT64_MAX : sum;
}

// What a clock says here, in nanoseconds. Alarm clocks tell the time of their base: they can be asked only where there
// is a hardware clock.
int64_t clock_now(clockid_t clock);
// CLOCK_REALTIME_ALARM is CLOCK_REALTIME, CLOCK_BOOTTIME_ALARM is CLOCK_BOOTTIME.
clockid_t base_clock(clockid_t clock);

// Nanoseconds, since the boot of the host, that a time namespace adds.
struct ClockOffsets {
  int64_t monotonic = 0, boottime = 0;
  bool operator==(const ClockOffsets&) const = default;
};

// /proc/PID/timens_offsets, both ways.
ClockOffsets parse_clock_offsets(std::string_view text);
std::string format_clock_offsets(const ClockOffsets& offsets);
// Of the namespace that children of this process are born in; nothing where the kernel has no time namespaces, and for
// a process whose first thread has exited.
std::optional<ClockOffsets> clock_offsets_of(HostPid process);
// Our own.
ClockOffsets own_clock_offsets();

}  // namespace cairn::kernel
