#include "graph/obstacle.h"

#include <algorithm>

namespace cairn::graph {
namespace {

std::string list_obstacles(const std::vector<Obstacle>& obstacles) {
  std::string text = fmt::format("refused, {} obstacle{}:", obstacles.size(), obstacles.size() == 1 ? "" : "s");
  for (const Obstacle& obstacle : obstacles) {
    text += fmt::format("\n  {}: {}", obstacle.object, obstacle.reason);
    if (!obstacle.remedy.empty()) text += fmt::format("\n    remedy: {}", obstacle.remedy);
  }
  return text;
}

std::string list_unmet(const std::vector<Precondition>& preconditions) {
  std::string text = "preconditions of this image are not met here:";
  for (const Precondition& precondition : preconditions) {
    text += fmt::format("\n  {}: {}; found: {}", precondition.object, precondition.needed, precondition.found);
  }
  return text;
}

}  // namespace

Refused::Refused(std::vector<Obstacle> obstacles)
    : Error(list_obstacles(obstacles), Failure::kRefused), obstacles_(std::move(obstacles)) {}

bool Refused::passes() const { return std::ranges::all_of(obstacles_, &Obstacle::passes); }

Unmet::Unmet(std::vector<Precondition> preconditions)
    : Error(list_unmet(preconditions), Failure::kPrecondition), preconditions_(std::move(preconditions)) {}

}  // namespace cairn::graph
