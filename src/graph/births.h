// Birth paths: who clones whom, and when in its own life, so that parent, session and group come out right.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/obstacle.h"
#include "graph/tree.h"

namespace cairn::graph {

struct Birth {
  RecordId process;
  RecordId creator;  // process; 0: the planter
  // Which of the creator's two sessions the child is born into.
  enum class Session { kAny, kBeforeSetsid, kAfterSetsid };
  Session session = Session::kAny;
};

struct Births {
  std::vector<Birth> births;        // parents before children
  std::vector<Obstacle> obstacles;  // trees that can't be born
};

Births plan_births(const Tree& tree);

}  // namespace cairn::graph
