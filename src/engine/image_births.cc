#include "engine/image_births.h"

#include "base/error.h"

namespace cairn::engine {

graph::Births births_of_image(const graph::Tree& tree) {
  graph::Births births = graph::plan_births(tree);
  if (births.obstacles().empty()) return births;
  const graph::Obstacle& first = births.obstacles().front();
  throw Error(fmt::format("the process tree can't be made: {}: {}", first.object, first.reason),
              Failure::kDamagedImage);
}

}  // namespace cairn::engine
