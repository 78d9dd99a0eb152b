// cairn check [--timeout SECONDS] [--external NAME]... PID
#include <memory>
#include <optional>

#include "base/error.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/units.h"
#include "engine/checkpoint.h"

namespace cairn::cli {
namespace {

struct Options {
  int pid = 0;
  std::optional<double> timeout;
  std::vector<std::string> external;
};

constexpr const char* kExamples = R"(Examples:
  cairn check 4242
      Every reason why process 4242 and its descendants can't be checkpointed now, with a remedy each.
  cairn check --quiet 4242 && cairn checkpoint 4242

Exit status: 0 it can be checkpointed, 3 it can't (every obstacle is listed), 1 failed, 2 wrong usage.
The processes are stopped for some milliseconds while they are looked at; nothing in them changes.)";

std::string verdict(const Options& options, const std::vector<graph::Obstacle>& obstacles) {
  if (obstacles.empty()) return fmt::format("process {}: the tree can be checkpointed", options.pid);
  return fmt::format("process {}: the tree can't be checkpointed now, {}:\n{}", options.pid,
                     counted(obstacles.size(), "obstacle"), obstacles_text(obstacles));
}

int run(const Options& options, const Common& common) {
  auto obstacles = engine::check({options.pid}, to_milliseconds(options.timeout.value_or(kUsualTimeout)),
                                 {options.external.begin(), options.external.end()});
  if (common.json()) {
    print(JsonObject().flag("ok", obstacles.empty()).json("obstacles", obstacles_json(obstacles)).str());
  } else if (!common.quiet) {
    print(verdict(options, obstacles));
  }
  return obstacles.empty() ? 0 : static_cast<int>(Failure::kRefused);
}

}  // namespace

Run declare_check(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_timeout(app, options->timeout, "Give up after this time; 10 by default");
  add_external(app, options->external);
  add_pid(app, options->pid, "The process at the top of the tree");
  app.footer(kExamples);
  return [options](const Common& common) { return run(*options, common); };
}

}  // namespace cairn::cli
