#include "cairn/cairn.h"

#include <sys/wait.h>

#include <string_view>

#include "libcairn/child_program.h"
#include "libcairn/json_value.h"

namespace cairn {
namespace {

using libcairn::Finished;
using libcairn::JsonValue;

std::vector<Obstacle> obstacles(const JsonValue& list) {
  std::vector<Obstacle> result;
  for (const JsonValue& entry : list.elements()) {
    result.push_back({entry["object"].text(), entry["reason"].text(), entry["remedy"].text(), entry["rule"].text()});
  }
  return result;
}

std::vector<Precondition> preconditions(const JsonValue& list) {
  std::vector<Precondition> result;
  for (const JsonValue& entry : list.elements()) {
    result.push_back({entry["object"].text(), entry["needed"].text(), entry["met"].flag(), entry["found"].text()});
  }
  return result;
}

Problem problem(const JsonValue& error) {
  auto code = error["code"].number();
  return {code >= 1 && code <= 5 ? static_cast<Code>(code) : Code::kFailed, error["message"].text(),
          obstacles(error["obstacles"]), preconditions(error["preconditions"])};
}

std::string ending(const std::string& program, std::optional<int> status) {
  if (status && WIFSIGNALED(*status)) return program + " was ended by signal " + std::to_string(WTERMSIG(*status));
  if (!status || WIFEXITED(*status)) return program + " printed no result";
  return program + " stopped";
}

// The JSON object that cairn printed.
Outcome<JsonValue> understand(const std::string& program, const Finished& finished) {
  if (!finished.start_problem.empty()) return Problem{Code::kFailed, finished.start_problem, {}, {}};
  std::optional<JsonValue> printed = JsonValue::parse(finished.output);
  if (!printed) return Problem{Code::kFailed, ending(program, finished.status), {}, {}};
  if (printed->has("error")) return problem((*printed)["error"]);
  return std::move(*printed);
}

Outcome<JsonValue> run(const Program& program, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin() + 1, {"--json", "--quiet"});
  return understand(program.name, libcairn::run_program(program.name, arguments));
}

std::string seconds(std::chrono::milliseconds time) {
  std::string fraction = std::to_string(time.count() % 1000);
  return std::to_string(time.count() / 1000) + "." + std::string(3 - fraction.size(), '0') + fraction;
}

const char* word(Then then) {
  if (then == Then::kResume) return "resume";
  return then == Then::kKill ? "kill" : "stop";
}

uint64_t count(const JsonValue& value) { return static_cast<uint64_t>(value.number()); }
std::chrono::nanoseconds time(const JsonValue& value) { return std::chrono::nanoseconds(value.number()); }

}  // namespace

Outcome<Checkpointed> checkpoint(pid_t pid, const CheckpointOptions& options) {
  std::vector<std::string> arguments{"checkpoint", "--then", word(options.then), "--timeout", seconds(options.timeout)};
  if (options.replace) arguments.emplace_back("--replace");
  if (!options.output.empty()) arguments.insert(arguments.end(), {"--output", options.output});
  arguments.insert(arguments.end(), {"--", std::to_string(pid)});
  auto printed = run(options.program, arguments);
  if (!printed) return printed.problem();
  const JsonValue& result = *printed;
  return Checkpointed{result["image"].text(), count(result["processes"]), count(result["threads"]),
                      count(result["bytes"]), time(result["pause_ns"]),   time(result["total_ns"])};
}

Outcome<std::vector<Obstacle>> check(pid_t pid, const CheckOptions& options) {
  auto printed = run(options.program, {"check", "--timeout", seconds(options.timeout), "--", std::to_string(pid)});
  if (!printed) return printed.problem();
  return obstacles((*printed)["obstacles"]);
}

Outcome<Restored> restore(const std::string& image, const RestoreOptions& options) {
  std::vector<std::string> arguments{"restore", options.parent == Parent::kCaller ? "--sibling" : "--detach"};
  if (!options.pid_file.empty()) arguments.insert(arguments.end(), {"--pidfile", options.pid_file});
  arguments.insert(arguments.end(), {"--", image});
  auto printed = run(options.program, arguments);
  if (!printed) return printed.problem();
  const JsonValue& result = *printed;
  return Restored{static_cast<pid_t>(result["root"].number()), count(result["processes"]), count(result["threads"]),
                  time(result["total_ns"])};
}

Outcome<DryRun> dry_run(const std::string& image, const Program& program) {
  auto printed = run(program, {"restore", "--dry-run", "--", image});
  if (!printed) return printed.problem();
  DryRun result{(*printed)["ok"].flag(), preconditions((*printed)["preconditions"]), {}};
  for (const JsonValue& step : (*printed)["plan"].elements()) result.plan.push_back(step.text());
  return result;
}

Outcome<std::string> inspect(const std::string& image, const Program& program) {
  Finished finished = libcairn::run_program(program.name, {"inspect", "--json", "--quiet", "--", image});
  auto printed = understand(program.name, finished);
  if (!printed) return printed.problem();
  return std::move(finished.output);
}

}  // namespace cairn
