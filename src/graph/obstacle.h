// Why a tree can't be checkpointed now, and what a restore needs of its host.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace cairn::graph {

struct Obstacle {
  std::string object;   // "process 42 (redis-server): descriptor 7", "process 42: mapping 7f00-7f10"
  std::string reason;   // what it is that can't be kept, and why
  std::string remedy;   // what the user can do
  std::string rule;     // the row of docs/boundary.md that rules it, or empty
  bool passes = false;  // it goes away by itself while the tree runs
};

struct Precondition {
  std::string object;  // "process 42", "file /var/log/x"
  std::string needed;  // "id 42 must be free"
  bool met = true;
  std::string found;    // what is there instead, when not met
  bool passes = false;  // it is likely to be met a moment later
};

// A checkpoint that was refused: every obstacle at once. Exit code 3.
class Refused : public Error {
 public:
  explicit Refused(std::vector<Obstacle> obstacles);
  const std::vector<Obstacle>& obstacles() const { return obstacles_; }
  // Every obstacle passes: the same checkpoint may succeed a moment later.
  bool passes() const;

 private:
  std::vector<Obstacle> obstacles_;
};

// A restore whose preconditions are not met on this host: all of them at once. Exit code 4.
class Unmet : public Error {
 public:
  explicit Unmet(std::vector<Precondition> preconditions);
  const std::vector<Precondition>& preconditions() const { return preconditions_; }

 private:
  std::vector<Precondition> preconditions_;
};

}  // namespace cairn::graph
