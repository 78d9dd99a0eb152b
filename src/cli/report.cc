#include "cli/report.h"

#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/json.h"

namespace cairn::cli {
namespace {

int exit_code(const std::exception& failure) {
  const auto* error = dynamic_cast<const Error*>(&failure);
  return static_cast<int>(error == nullptr ? Failure::kFailed : error->failure());
}

std::string error_json(const std::exception& failure) {
  JsonObject error;
  error.number("code", exit_code(failure)).text("message", failure.what());
  if (const auto* refused = dynamic_cast<const graph::Refused*>(&failure)) {
    error.json("obstacles", obstacles_json(refused->obstacles()));
  }
  if (const auto* unmet = dynamic_cast<const graph::Unmet*>(&failure)) {
    error.json("preconditions", preconditions_json(unmet->preconditions()));
  }
  return JsonObject().json("error", error.str()).str();
}

}  // namespace

std::string obstacles_text(const std::vector<graph::Obstacle>& obstacles) {
  std::string text;
  for (const graph::Obstacle& obstacle : obstacles) {
    text += fmt::format("  {}: {}\n", obstacle.object, obstacle.reason);
    if (!obstacle.remedy.empty()) text += fmt::format("    remedy: {}\n", obstacle.remedy);
  }
  return text;
}

std::string obstacles_json(const std::vector<graph::Obstacle>& obstacles) {
  return json_array(obstacles, [](const graph::Obstacle& obstacle) {
    return JsonObject()
        .text("object", obstacle.object)
        .text("reason", obstacle.reason)
        .text("remedy", obstacle.remedy)
        .text("rule", obstacle.rule)
        .flag("passes", obstacle.passes)
        .str();
  });
}

std::string preconditions_text(const std::vector<graph::Precondition>& preconditions) {
  std::string text;
  for (const graph::Precondition& precondition : preconditions) {
    text += fmt::format("  {:5}  {}: {}", precondition.met ? "met" : "UNMET", precondition.object, precondition.needed);
    if (!precondition.found.empty()) text += fmt::format("; found: {}", precondition.found);
    text += '\n';
  }
  return text;
}

std::string preconditions_json(const std::vector<graph::Precondition>& preconditions) {
  return json_array(preconditions, [](const graph::Precondition& precondition) {
    return JsonObject()
        .text("object", precondition.object)
        .text("needed", precondition.needed)
        .flag("met", precondition.met)
        .text("found", precondition.found)
        .str();
  });
}

int report(const std::exception& failure, const Common& common) {
  if (common.json()) {
    try {
      print(error_json(failure));
    } catch (const std::exception& unwritable) {
      log::write(log::Level::kNormal, unwritable.what());
    }
  } else {
    log::write(log::Level::kNormal, failure.what());
  }
  return exit_code(failure);
}

}  // namespace cairn::cli
