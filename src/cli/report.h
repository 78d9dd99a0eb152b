// How obstacles, preconditions and failures look, as text and as JSON.
#pragma once

#include <exception>
#include <string>
#include <vector>

#include "cli/command.h"
#include "graph/obstacle.h"

namespace cairn::cli {

std::string obstacles_text(const std::vector<graph::Obstacle>& obstacles);
std::string obstacles_json(const std::vector<graph::Obstacle>& obstacles);
// Met ones too.
std::string preconditions_text(const std::vector<graph::Precondition>& preconditions);
std::string preconditions_json(const std::vector<graph::Precondition>& preconditions);

// Tells a failure: text on standard error, or {"error": {...}} on standard output. Returns the exit code of
// ARCHITECTURE.md, "Failing well".
int report(const std::exception& failure, const Common& common);

}  // namespace cairn::cli
