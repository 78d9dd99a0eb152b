#include "cli/command.h"

#include <unistd.h>

#include <cerrno>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "base/printable.h"

namespace cairn::cli {
namespace {

constexpr double kLongestTimeout = 86'400 * 365.0;

// A validator without a text of its own in the help.
CLI::Validator rule(const std::function<std::string(std::string&)>& check) { return CLI::Validator(check, ""); }

std::string check_pid(std::string& text) {
  int pid = 0;
  return CLI::detail::lexical_cast(text, pid) && pid > 0 ? "" : text + " is no process id";
}

std::string check_timeout(std::string& text) {
  double seconds = 0;
  bool good = CLI::detail::lexical_cast(text, seconds) && seconds >= 0.001 && seconds <= kLongestTimeout;
  return good ? "" : text + " is no number of seconds from 0.001 to a year";
}

}  // namespace

void add_timeout(CLI::App& app, std::optional<double>& seconds, const std::string& meaning) {
  app.add_option("--timeout", seconds, meaning)->type_name("SECONDS")->check(rule(check_timeout));
}

void add_external(CLI::App& app, std::vector<std::string>& names) {
  app.add_option(
         "--external", names,
         "A descriptor, as its link in /proc/PID/fd, whose other end is outside: a restore puts what "
         "--inherit gives there. Or what becomes of other TCP connections to the outside: refuse (the default), "
         "wait (until there are none), close (the restored program finds them reset). May be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
}

void add_pid(CLI::App& app, int& pid, const std::string& meaning) {
  app.add_option("PID", pid, meaning)->type_name("")->required()->check(rule(check_pid));
}

std::chrono::milliseconds to_milliseconds(double seconds) {
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

void print(const std::string& result) {
  std::string line = printable(result);
  if (line.empty() || line.back() != '\n') line += '\n';
  for (size_t done = 0; done < line.size();) {
    ssize_t written = ::write(STDOUT_FILENO, line.data() + done, line.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EPIPE) return;  // its reader has had enough
    if (written < 0) throw Error::system("write to standard output", errno);
    done += static_cast<size_t>(written);
  }
}

void print_done(const std::string& result) {
  try {
    print(result);
  } catch (const Error& error) {
    log::write(log::Level::kNormal, error.what());
  }
}

}  // namespace cairn::cli
