// The ordered work of a restore, computed from the records alone. A step brings one record to one milestone; its place
// follows from edges, and every edge can say where it comes from. There are no numeric priorities.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "graph/births.h"
#include "graph/tree.h"
#include "image/options.pb.h"

namespace cairn::graph {

// What an attribute of a task may need, set or destroy; the order of attributes of one task follows from these.
enum class Trait : uint8_t {
  kPrivilege,          // capabilities and ids that the task was born with
  kDumpable,           // PR_SET_DUMPABLE: reset by a change of ids
  kParentDeathSignal,  // PR_SET_PDEATHSIG: reset by a change of ids
  kCapabilities,       // capability sets: changed by a change of ids
  kLimits,             // room under the resource limits
  kQuietChildren,      // zombie children have died and stopped ones stopped, so that SIGCHLD is no longer raised
  kBareThreads,        // that threads which are still to be born inherit nothing special
  kSignals,            // no signal can be delivered or lost any more
  kStops,              // stops of job control: they meet dispositions, and throw pending signals away
  kTellsParent,        // raises SIGCHLD in the parent
  kHeritage,  // what a session leader has for all who are born into its session: set as soon as that is started
};
using Traits = std::set<Trait>;

// Which milestones a record of a kind has.
enum class Shape {
  kObject,     // MADE, CONNECTED, SEALED
  kTask,       // BORN, MAPPED, TABLED, SEALED
  kProcess,    // MADE (its leader is born), CONNECTED (session and group are joined), SEALED
  kMm,         // GROWN, MADE
  kShared,     // MADE: a structure that tasks share (descriptor table, file system state, dispositions)
  kAttribute,  // MADE, between its owner's being there and its acting task's SEALED
};

struct KindFacts {
  Shape shape = Shape::kObject;
  Traits needs, sets, clobbers;
};

struct Step {
  RecordId record;
  image::Milestone milestone;
  RecordId actor;             // the task in which it works; 0: none
  std::vector<size_t> needs;  // indices of earlier steps
};

class Plan {
 public:
  // `facts` gives a kind's row of the registry. A cycle is an Error that spells it out.
  Plan(const RecordSet& records, const Tree& tree, const Births& births,
       const std::function<KindFacts(const std::string&)>& facts);

  const std::vector<Step>& steps() const { return steps_; }
  // One line a step: what, and for each edge the reason.
  std::vector<std::string> explain(const RecordSet& records) const;

 private:
  friend class PlanBuilder;
  std::vector<Step> steps_;
  std::vector<std::vector<const char*>> reasons_;  // parallel to Step::needs
};

std::string milestone_name(image::Milestone milestone);

}  // namespace cairn::graph
