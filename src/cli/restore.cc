// cairn restore [--detach | --sibling] [--new-pids] [--pidfile FILE] [--accept-changed PATH]...
// [--inherit NAME=GIVEN]... [--dry-run] IMAGE
#include "engine/restore.h"

#include <charconv>
#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "cli/cancelable.h"
#include "cli/command.h"
#include "cli/job_end.h"
#include "cli/json.h"
#include "cli/pid_file.h"
#include "cli/progress_line.h"
#include "cli/report.h"
#include "cli/units.h"

namespace cairn::cli {
namespace {

struct Options {
  std::string image, pid_file;
  std::vector<std::string> accept_changed, inherit;
  bool detach = false, sibling = false, new_pids = false, dry_run = false;
};

constexpr const char* kExamples = R"(Examples:
  cairn restore redis-server-4242.cairn
      Bring the tree back in the foreground: signals are forwarded, the exit status is the job's own.
  cairn restore --detach --pidfile /run/job.pid job.cairn
      Return as soon as the tree runs; its root's id is in the file before it does.
  cairn restore --dry-run job.cairn
      Show what would be done, and whether this host has what the image needs. Nothing is made.

Exit status: the job's own in the foreground, or 120 plus one of these; with --detach, --sibling and --dry-run:
0 done, 1 failed, 2 wrong usage, 4 preconditions are not met (all are listed), 5 the image is damaged,
incomplete or of an unknown version. In each case but 0 no restored process is left.)";

engine::Parent parent(const Options& options) {
  if (options.detach) return engine::Parent::kNobody;
  return options.sibling ? engine::Parent::kCaller : engine::Parent::kCairn;
}

// NAME=fd:N or NAME=path:FILE; the name may have an = in it.
std::pair<std::string, resources::Inherited> parse_inherited(const std::string& text) {
  constexpr std::string_view kFd = "=fd:", kPath = "=path:";
  size_t fd = text.rfind(kFd), path = text.rfind(kPath);
  if (path != std::string::npos && (fd == std::string::npos || path < fd))
    return {text.substr(0, path), {.path = text.substr(path + kPath.size())}};
  resources::Inherited given;
  std::string_view number = fd == std::string::npos ? "" : std::string_view(text).substr(fd + kFd.size());
  if (std::from_chars(number.data(), number.data() + number.size(), given.fd).ptr != number.data() + number.size() ||
      given.fd < 0)
    throw Error(fmt::format("--inherit {}: it must be NAME=fd:N or NAME=path:FILE", text), Failure::kUsage);
  return {text.substr(0, fd), std::move(given)};
}

engine::RestoreOptions engine_options(const Options& options) {
  engine::RestoreOptions wanted{.image = options.image,
                                .parent = parent(options),
                                .pids = options.new_pids ? engine::Pids::kFresh : engine::Pids::kAsPossible};
  wanted.accept_changed = {options.accept_changed.begin(), options.accept_changed.end()};
  for (const std::string& text : options.inherit) wanted.inherit.insert(parse_inherited(text));
  return wanted;
}

std::string result_text(const Options& options, const engine::RestoreResult& result) {
  return fmt::format("{}: process {} runs; {}, {}; {} in all", options.image, result.root.value,
                     counted(result.processes, "process", "processes"), counted(result.threads, "thread"),
                     human_duration(result.total));
}

std::string result_json(const engine::RestoreResult& result) {
  return JsonObject()
      .number("root", result.root.value)
      .number("processes", static_cast<int64_t>(result.processes))
      .number("threads", static_cast<int64_t>(result.threads))
      .number("total_ns", result.total.count())
      .str();
}

// A job in the foreground gets the terminal, as from a shell, before it runs.
engine::RestoreResult bring_back(const Options& options, const Common& common, engine::JobTerminal& terminal) {
  Cancelable cancelable;
  ProgressLine progress("restore of " + options.image, common);
  engine::RestoreOptions wanted = engine_options(options);
  wanted.progress = progress.callback();
  engine::Restore restore(std::move(wanted));
  restore.open();
  restore.build();
  restore.hold();
  bool is_foreground = parent(options) == engine::Parent::kCairn;
  if (is_foreground) engine::hold_signals_for_job();
  PidFile pid_file(options.pid_file, restore.result().root);
  if (is_foreground) terminal.lend(restore.result().root);
  restore.release();
  pid_file.keep();
  return restore.result();
}

// In the foreground standard output is the job's; so a result is only printed there when it was asked for.
void tell(const Options& options, const Common& common, const engine::RestoreResult& result) {
  if (common.json()) {
    print_done(result_json(result));
  } else if (parent(options) == engine::Parent::kCairn) {
    log::detail("{}", result_text(options, result));
  } else if (!common.quiet) {
    print_done(result_text(options, result));
  }
}

std::string plan_text(const engine::DryRun& dry_run) {
  std::string text = "Preconditions:\n" + preconditions_text(dry_run.preconditions) + "Plan:\n";
  for (const std::string& step : dry_run.plan) text += "  " + step + "\n";
  return text;
}

int show_plan(const Options& options, const Common& common) {
  engine::DryRun dry_run = engine::dry_run(engine_options(options));
  bool met = std::ranges::all_of(dry_run.preconditions, &graph::Precondition::met);
  if (common.json()) {
    print(JsonObject()
              .flag("ok", met)
              .json("preconditions", preconditions_json(dry_run.preconditions))
              .json("plan", json_array(dry_run.plan, json_string))
              .str());
  } else {
    print(plan_text(dry_run));
  }
  return met ? 0 : static_cast<int>(Failure::kPrecondition);
}

int run(const Options& options, const Common& common) {
  if (options.dry_run) return show_plan(options, common);
  engine::JobTerminal terminal;
  engine::RestoreResult result = bring_back(options, common, terminal);
  tell(options, common, result);
  if (parent(options) == engine::Parent::kCairn) end_like(engine::wait_for_job(result, terminal));
  return 0;
}

}  // namespace

Run declare_restore(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.alias("restart");
  auto* detach = app.add_flag("-d,--detach", options->detach, "Return when the tree runs; it belongs to nobody here");
  app.add_flag("--sibling", options->sibling, "Make the root a child of the caller, and return when it runs")
      ->excludes(detach);
  app.add_flag("--new-pids", options->new_pids,
               "Restore into a pid namespace of its own, where all ids are free; always so for who may not choose ids");
  app.add_option("--pidfile", options->pid_file, "Write the root's id here before it runs")->type_name("FILE");
  app.add_option("--accept-changed", options->accept_changed,
                 "This file may have changed since the checkpoint; its path as the image has it. May be repeated")
      ->type_name("PATH")
      ->allow_extra_args(false);
  app.add_option("--inherit", options->inherit,
                 "What takes the place of a descriptor that was named --external: fd:N of this command, or path:FILE. "
                 "May be repeated")
      ->type_name("NAME=GIVEN")
      ->allow_extra_args(false);
  app.add_flag("--dry-run", options->dry_run, "Only show the preconditions, with their state, and the plan");
  app.add_option("IMAGE", options->image, "Directory of the image")->type_name("")->required();
  app.footer(kExamples);
  return [options](const Common& common) { return run(*options, common); };
}

}  // namespace cairn::cli
