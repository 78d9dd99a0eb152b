// Birth paths: who clones whom, and when in its own life, so that parent, session and group come out right. The creator
// of a process isn't always its parent: a session goes on when its leader, or whoever was born into it, is gone.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "graph/obstacle.h"
#include "graph/tree.h"

namespace cairn::graph {

struct Birth {
  RecordId process;  // may be a phantom
  RecordId creator;  // the process or phantom that clones it; 0: the planter
  enum class Way {
    kChild,    // of its creator
    kSibling,  // of its creator, by CLONE_PARENT
    kOrphan,   // of a temporary child of its creator that ends; its parent adopts it as a sub-reaper
    kPlanter,  // a phantom that the planter itself plays, since the root was in its session
  };
  Way way = Way::kChild;
  // Which of the creator's two sessions it is born into.
  enum class Session { kAny, kBeforeSetsid, kAfterSetsid };
  Session session = Session::kAny;
};

class Births {
 public:
  // Creators before what they clone.
  const std::vector<Birth>& all() const { return births_; }
  const Birth& of(RecordId process) const { return births_.at(places_.at(process)); }
  // Processes that lead a group without being in it (any more): they found it first.
  bool founds_group(RecordId process) const { return founders_.contains(process); }
  // Trees that can't be born.
  const std::vector<Obstacle>& obstacles() const { return obstacles_; }

 private:
  friend class BirthPlanner;
  std::vector<Birth> births_;
  std::map<RecordId, size_t> places_;
  std::set<RecordId> founders_;
  std::vector<Obstacle> obstacles_;
};

Births plan_births(const Tree& tree);

}  // namespace cairn::graph
