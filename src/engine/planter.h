// The planter: a process of ours, single-threaded and stripped of all that a fork of cairn brings along, from which the
// root of a restored tree is cloned. Its address space holds the batch region alone, its descriptor table one socket.
#pragma once

#include <memory>
#include <optional>

#include "engine/guard.h"
#include "engine/init.h"
#include "kernel/clocks.h"
#include "resources/restore_context.h"

namespace cairn::engine {

struct PlanterRequest {
  Place place = Place::kChild;
  Envelope envelope;       // with pids: cairn-init stands at this place, and is the planter's parent
  pid_t wanted_pid = 0;    // 0: any; with pids there has to be one
  int our_socket = -1;     // the other end of ...
  int socket = -1;         // ... what it gets as its only descriptor ...
  int socket_number = 0;   // ... and at which number
  Guard* guard = nullptr;  // watches it from its birth on; an init, and all in its namespace, ends with cairn anyway
  kernel::ClockOffsets clocks;
};

struct Planted {
  std::unique_ptr<Init> init;
  std::unique_ptr<resources::RestoredTask> task;
  // Why it has no time namespace of its own, with these clocks; empty: it has.
  std::string clocks_problem;
};

// Forks, strips and holds it. It dies with cairn (PTRACE_O_EXITKILL), and so does all that is cloned from it.
Planted plant(const PlanterRequest& request, tracee::SharedSpace& space, size_t slot, RecordId record);

}  // namespace cairn::engine
