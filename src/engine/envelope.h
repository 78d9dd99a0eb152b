// What cairn puts around a restored tree because its own rights need it: namespaces that are no state of the tree, and
// are made anew at each restore. An ordinary user may not choose ids in the pid namespace that is there. So the tree
// gets one of its own, a user namespace that gives the right to make it, and a mount namespace with a /proc that shows
// it.
#pragma once

#include <cstdint>
#include <string>

#include "kernel/own_id_maps.h"

namespace cairn::engine {

enum class Pids { kAsPossible, kFresh };  // those of cairn's own pid namespace where that is permitted; --new-pids

struct Envelope {
  bool user = false;  // a user namespace
  bool pids = false;  // pid and mount namespaces, and cairn-init
  uint64_t clone_flags() const;
};

// With the rights that cairn has.
Envelope choose_envelope(Pids wanted);

// Makes it once, and throws it away. Why that isn't possible; empty: it is.
std::string envelope_problem(const Envelope& envelope);

// What a new process does first in its namespaces.
class EnvelopeSetup {
 public:
  explicit EnvelopeSetup(const Envelope& envelope);
  struct Failure {
    const char* step = nullptr;  // a literal; null: none
    int error = 0;
    std::string text() const;  // empty: none
  };
  // In the child; allocates nothing.
  Failure run() const;

 private:
  Envelope envelope_;
  kernel::OwnIdMaps id_maps_;
  unsigned long proc_flags_ = 0;
};

}  // namespace cairn::engine
