#include "engine/time_envelope.h"

namespace cairn::engine {

using resources::Moment;

// Offsets count from the host's clocks, also those of our own namespace.
Moment moment_of(HostPid process) {
  kernel::ClockOffsets ours = kernel::own_clock_offsets();
  kernel::ClockOffsets its = kernel::clock_offsets_of(process).value_or(ours);
  Moment moment = Moment::now();
  moment.tree.monotonic += its.monotonic - ours.monotonic;
  moment.tree.boottime += its.boottime - ours.boottime;
  return moment;
}

Moment moment_of(const image::Head& head) {
  Moment moment = Moment::now();
  if (head.has_monotonic_ns()) moment.tree.monotonic = head.monotonic_ns();
  if (head.has_boottime_ns()) moment.tree.boottime = head.boottime_ns();
  return moment;
}

kernel::ClockOffsets offsets_for(const Moment& moment) {
  kernel::ClockOffsets ours = kernel::own_clock_offsets();
  return {moment.tree.monotonic - moment.here.monotonic + ours.monotonic,
          moment.tree.boottime - moment.here.boottime + ours.boottime};
}

}  // namespace cairn::engine
