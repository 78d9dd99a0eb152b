// Time goes on for a tree from where it was at the checkpoint: CLOCK_MONOTONIC and CLOCK_BOOTTIME are those of a time
// namespace (time_namespaces(7)) that cairn makes for it at each restore. It is no state of the tree, and only the
// moment is in the image.
#pragma once

#include "image/container.pb.h"
#include "kernel/clocks.h"
#include "resources/moment.h"

namespace cairn::engine {

// Now, in the time namespace of this process.
resources::Moment moment_of(HostPid process);

// The moment of the image, as of now: its clocks stand where they stood then.
resources::Moment moment_of(const image::Head& head);

// What a time namespace has to add so that clocks that are born in it go on from there.
kernel::ClockOffsets offsets_for(const resources::Moment& moment);

}  // namespace cairn::engine
