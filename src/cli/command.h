// What every command of the program is: options that it declares, and what runs when they were understood.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cairn::cli {

enum class Output { kText, kJson };

// What all commands understand.
struct Common {
  Output output = Output::kText;
  bool quiet = false, verbose = false;
  bool json() const { return output == Output::kJson; }
};

// Returns the exit status; failures are exceptions.
using Run = std::function<int(const Common&)>;

struct Command {
  const char* name;
  const char* summary;
  Run (*declare)(CLI::App& app);
};

Run declare_checkpoint(CLI::App& app);
Run declare_restore(CLI::App& app);
Run declare_check(CLI::App& app);
Run declare_inspect(CLI::App& app);
Run declare_verify_image(CLI::App& app);

constexpr Command kCommands[] = {
    {"checkpoint", "Save a running tree of processes to an image", declare_checkpoint},
    {"restore", "Bring a tree of processes back from an image", declare_restore},
    {"check", "Tell whether a tree of processes can be checkpointed now", declare_check},
    {"inspect", "Show what an image holds", declare_inspect},
    {"verify-image", "Tell whether an image is whole", declare_verify_image},
};

// A time limit in seconds, with fractions; kUsualTimeout when it isn't given.
void add_timeout(CLI::App& app, std::optional<double>& seconds, const std::string& meaning);
// Names of descriptors that are ends outside the tree.
void add_external(CLI::App& app, std::vector<std::string>& names);
// A positional process id.
void add_pid(CLI::App& app, int& pid, const std::string& meaning);
constexpr double kUsualTimeout = 10;
std::chrono::milliseconds to_milliseconds(double seconds);

// Prints a result, with an end of line, to standard output. An Error when it can't be written.
void print(const std::string& result);
// The result of work that is done: that it can't be told doesn't undo it, and is no failure.
void print_done(const std::string& result);

}  // namespace cairn::cli
