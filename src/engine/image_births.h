// How the processes of an image are made.
#pragma once

#include "graph/births.h"

namespace cairn::engine {

// An image whose tree can't be made is damaged: a checkpoint refuses such trees.
graph::Births births_of_image(const graph::Tree& tree);

}  // namespace cairn::engine
