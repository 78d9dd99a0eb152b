#include "cli/program.h"

#include <google/protobuf/stubs/logging.h>
#include <signal.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "cli/cancelable.h"
#include "cli/command.h"
#include "cli/job_end.h"
#include "cli/report.h"
#include "kernel/cancel.h"

namespace cairn::cli {
namespace {

constexpr const char* kFooter = R"(Examples:
  cairn checkpoint 4242
  cairn restore redis-server-4242.cairn

'cairn COMMAND --help' tells more; so do cairn(1) and the manual page of each command.)";

// Where a restore's own failures begin when the exit status is the job's.
constexpr int kForegroundFailure = 120;

// Options as manual pages show them: no types, sets or exclusions between the name and the text.
class Help : public CLI::Formatter {
 public:
  Help() {
    label("SUBCOMMAND", "COMMAND");
    label("Subcommands", "Commands");
    label("Positionals", "Arguments");
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string type = option->get_type_name();
    return type.empty() ? "" : " " + type.substr(0, type.find(':'));
  }
};

void add_common(CLI::App& app, Common& common) {
  auto as_json = [&common](int64_t) { common.output = Output::kJson; };
  app.add_flag_function("--json", as_json, "Print one JSON object, errors too");
  auto* verbose = app.add_flag("-v,--verbose", common.verbose, "Tell what is being done");
  app.add_flag("-q,--quiet", common.quiet, "Print errors only")->excludes(verbose);
}

void set_log_level(const Common& common) {
  if (common.verbose) log::set_level(log::Level::kVerbose);
  if (common.quiet) log::set_level(log::Level::kQuiet);
}

bool has(std::span<char*> arguments, std::string_view wanted) {
  return std::ranges::any_of(arguments, [&](std::string_view argument) { return argument == wanted; });
}

// Whether the exit status belongs to the job. Read from the words themselves: it has to be known for usage errors too.
bool restores_in_foreground(std::span<char*> arguments) {
  if (!has(arguments, "restore") && !has(arguments, "restart")) return false;
  auto returns_early = {"-d", "--detach", "--sibling", "--dry-run", "checkpoint", "check", "inspect", "verify-image"};
  return std::ranges::none_of(returns_early, [&](const char* word) { return has(arguments, word); });
}

int wrong_usage(CLI::App& app, const CLI::ParseError& error, const Common& common) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);  // --help, --version
  if (common.json()) return report(Error(error.what(), Failure::kUsage), common);
  log::write(log::Level::kNormal, fmt::format("{}; try --help", error.what()));
  return static_cast<int>(Failure::kUsage);
}

int understand_and_run(int argc, char** argv, Common& common) {
  CLI::App app{"Cairn saves running trees of Linux processes to images and brings them back.", "cairn"};
  app.set_version_flag("--version", "cairn " CAIRN_VERSION, "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.formatter(std::make_shared<Help>());
  app.require_subcommand(1);
  app.footer(kFooter);
  add_common(app, common);
  Run run;
  for (const Command& command : kCommands) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    sub->final_callback([&run, declared = command.declare(*sub)] { run = declared; });
    add_common(*sub, common);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return wrong_usage(app, error, common);
  }
  set_log_level(common);
  return run(common);
}

// What would end us, or stop us with a tree in our hands, is an error of the call instead: a file that may not grow
// (RLIMIT_FSIZE), a reader that has gone, a terminal that is another's (stty tostop).
void make_signals_errors() {
  for (int signal : {SIGXFSZ, SIGPIPE, SIGTTOU}) ::signal(signal, SIG_IGN);
}

}  // namespace

int run_program(int argc, char** argv) {
  std::span<char*> arguments(argv, static_cast<size_t>(argc));
  make_signals_errors();
  google::protobuf::SetLogHandler(nullptr);  // what goes wrong with a message is our error to tell
  Common common;
  if (has(arguments, "--json")) common.output = Output::kJson;
  int code = 0;
  try {
    code = understand_and_run(argc, argv, common);
  } catch (const std::exception& failure) {
    code = report(failure, common);
    if (int signal = kernel::canceled_by(); signal != 0 && !is_of_timer(signal)) die_of(signal);
  }
  return code != 0 && restores_in_foreground(arguments) ? kForegroundFailure + code : code;
}

}  // namespace cairn::cli
