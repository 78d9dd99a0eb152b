// cairn checkpoint [--output DIR] [--replace] [--then resume|kill|stop] [--live|--no-live] [--compress HOW]
//   [--timeout SECONDS] [--max-pause TIME] [--external NAME]... PID
#include "engine/checkpoint.h"

#include <signal.h>

#include <memory>
#include <optional>

#include "cli/cancelable.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/progress_line.h"
#include "cli/units.h"
#include "engine/pause_limit.h"
#include "kernel/cancel.h"

namespace cairn::cli {
namespace {

struct Options {
  int pid = 0;
  std::string output;
  bool replace = false;
  std::string then = "resume";
  bool live = false, no_live = false;
  std::string compress = "none";
  std::optional<double> timeout;
  double max_pause = 0;  // ms; 0: none
  std::vector<std::string> external;
};

// What doesn't come to rest in time is named by then.
constexpr auto kGrace = std::chrono::milliseconds(100);

constexpr const char* kExamples = R"(Examples:
  cairn checkpoint 4242
      Save process 4242 and all its descendants to ./COMM-4242.cairn; they go on.
  cairn checkpoint --output /backup/job.cairn --replace 4242
      Save to a chosen place; an image that is there is replaced, in one atomic step.
  cairn checkpoint --live 4242
      Save from a snapshot: the pause does not last until the memory is written.
  cairn checkpoint --then kill 4242
      Save, and end the processes once the image is complete.

Exit status: 0 done, 1 failed, 2 wrong usage, 3 refused (every obstacle is listed).
In each case but 0 the processes go on unharmed and no image is left.)";

engine::Then then(const Options& options) {
  if (options.then == "kill") return engine::Then::kKill;
  return options.then == "stop" ? engine::Then::kStop : engine::Then::kResume;
}

engine::Live live(const Options& options) {
  if (options.live) return engine::Live::kAlways;
  return options.no_live ? engine::Live::kNever : engine::Live::kAuto;
}

std::string result_text(const engine::CheckpointResult& result) {
  return fmt::format("{}: {}, {}, {}; paused {}, {} in all", result.image,
                     counted(result.processes, "process", "processes"), counted(result.threads, "thread"),
                     human_bytes(result.bytes), human_duration(result.pause), human_duration(result.total));
}

std::string result_json(const engine::CheckpointResult& result) {
  return JsonObject()
      .text("image", result.image)
      .number("processes", static_cast<int64_t>(result.processes))
      .number("threads", static_cast<int64_t>(result.threads))
      .number("bytes", static_cast<int64_t>(result.bytes))
      .number("snapshots", static_cast<int64_t>(result.snapshots))
      .number("pause_ns", result.pause.count())
      .number("total_ns", result.total.count())
      .str();
}

engine::CheckpointResult take(const Options& options, const Common& common) {
  std::optional<std::chrono::milliseconds> limit;
  if (options.timeout) limit = to_milliseconds(*options.timeout) + kGrace;
  Cancelable cancelable(limit);
  ProgressLine progress(fmt::format("checkpoint of process {}", options.pid), common);
  engine::CheckpointOptions wanted;
  wanted.root = {options.pid};
  wanted.output = options.output;
  wanted.existing = options.replace ? image::Existing::kReplace : image::Existing::kRefuse;
  wanted.then = then(options);
  wanted.live = live(options);
  wanted.compression = image::parse_compression(options.compress);
  wanted.timeout = to_milliseconds(options.timeout.value_or(kUsualTimeout));
  if (options.max_pause != 0) wanted.most_pause = to_milliseconds(options.max_pause / 1000);
  wanted.external = {options.external.begin(), options.external.end()};
  wanted.progress = progress.callback();
  if (options.live && wanted.then != engine::Then::kResume)
    throw Error("--live is for processes that go on", Failure::kUsage);
  try {
    return engine::checkpoint(wanted);
  } catch (const Error& error) {
    if (kernel::canceled_by() == engine::kPauseSignal)
      throw Error(fmt::format("process {} would have been held for longer than the {} ms of --max-pause; it goes on",
                              options.pid, options.max_pause));
    if (kernel::canceled_by() != SIGALRM) throw;
    throw Error(fmt::format("not done within the {} s of --timeout; process {} goes on ({})", *options.timeout,
                            options.pid, error.what()));
  }
}

int run(const Options& options, const Common& common) {
  engine::CheckpointResult result = take(options, common);
  if (common.json()) {
    print_done(result_json(result));
  } else if (!common.quiet) {
    print_done(result_text(result));
  }
  return 0;
}

}  // namespace

Run declare_checkpoint(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("-o,--output", options->output, "Directory of the image; ./COMM-PID.cairn by default")
      ->type_name("DIR");
  app.add_flag("--replace", options->replace, "Replace an image that is there");
  app.add_option("--then", options->then, "What the processes do afterwards: resume (the default), kill or stop")
      ->type_name("ACTION")
      ->check(CLI::IsMember({"resume", "kill", "stop"}));
  CLI::Option* live = app.add_flag(
      "--live", options->live, "Let the processes go on before their memory is written, by a snapshot of all of it");
  app.add_flag("--no-live", options->no_live, "Hold them until their memory is written")->excludes(live);
  app.add_option("--compress", options->compress,
                 "How the memory is compressed: none (the default), lz4, zstd, zstd:LEVEL")
      ->type_name("HOW");
  add_timeout(app, options->timeout,
              "Give up, and put everything back, after this time; by default 10 s, and as long as the memory takes");
  app.add_option("--max-pause", options->max_pause, "Give up when the processes would be held for longer: 200ms, 1.5s")
      ->type_name("TIME")
      ->transform(CLI::AsNumberWithUnit(std::map<std::string, double>{{"ms", 1}, {"s", 1000}},
                                        CLI::AsNumberWithUnit::UNIT_REQUIRED))
      ->check(CLI::Range(1.0, 1e9).description(""));
  add_external(app, options->external);
  add_pid(app, options->pid, "The process at the top of the tree");
  app.footer(kExamples);
  return [options](const Common& common) { return run(*options, common); };
}

}  // namespace cairn::cli
