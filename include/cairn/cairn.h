// libcairn: checkpoint and restore process trees from a program of yours. C++17 or later; needs nothing but the C++
// library. Each call runs the `cairn` program and waits for it: the library itself never ptraces, forks or touches the
// signals of the program that it is loaded into, and every call may be made from any thread.
//
//   cairn::Outcome<cairn::Checkpointed> outcome = cairn::checkpoint(pid);
//   if (!outcome) {
//     for (const cairn::Obstacle& obstacle : outcome.problem().obstacles) show(obstacle.object, obstacle.reason);
//   }
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#define CAIRN_API __attribute__((visibility("default")))

namespace cairn {

// Why a tree can't be checkpointed now.
struct Obstacle {
  std::string object;  // "process 42 (redis-server): descriptor 7"
  std::string reason;
  std::string remedy;  // may be empty
  std::string rule;    // the row of docs/boundary.md, or empty
};

// What an image needs of the host that it is restored on.
struct Precondition {
  std::string object;
  std::string needed;
  bool met = true;
  std::string found;  // what is there instead
};

// The exit codes of cairn(1).
enum class Code { kFailed = 1, kUsage = 2, kRefused = 3, kPrecondition = 4, kDamagedImage = 5 };

struct Problem {
  Code code = Code::kFailed;
  std::string message;
  std::vector<Obstacle> obstacles;          // with kRefused: all of them
  std::vector<Precondition> preconditions;  // with kPrecondition: all that are not met
};

// A result, or why there is none.
template <typename Value>
class Outcome {
 public:
  Outcome(Value value) : content_(std::move(value)) {}
  Outcome(Problem problem) : content_(std::move(problem)) {}

  explicit operator bool() const { return content_.index() == 0; }
  // Throw std::bad_variant_access when it is the other one.
  const Value& operator*() const { return std::get<0>(content_); }
  const Value* operator->() const { return &std::get<0>(content_); }
  const Problem& problem() const { return std::get<1>(content_); }

 private:
  std::variant<Value, Problem> content_;
};

// Which cairn program is run: a path, or a name to look for in PATH.
struct Program {
  std::string name = "cairn";
};

enum class Then { kResume, kKill, kStop };

struct CheckpointOptions {
  std::string output;  // empty: ./COMM-PID.cairn
  bool replace = false;
  Then then = Then::kResume;
  std::chrono::milliseconds timeout{10'000};
  Program program;
};

struct Checkpointed {
  std::string image;
  uint64_t processes = 0, threads = 0;
  uint64_t bytes = 0;                // of the image
  std::chrono::nanoseconds pause{};  // of the processes
  std::chrono::nanoseconds total{};
};

// Saves the process and all its descendants. Not the calling process or one of its ancestors: that is refused.
CAIRN_API Outcome<Checkpointed> checkpoint(pid_t pid, const CheckpointOptions& options = {});

struct CheckOptions {
  std::chrono::milliseconds timeout{10'000};
  Program program;
};

// Every obstacle, now; none when the tree can be checkpointed.
CAIRN_API Outcome<std::vector<Obstacle>> check(pid_t pid, const CheckOptions& options = {});

// Whose child the restored root becomes.
enum class Parent {
  kCaller,  // of the calling process, which then has to wait for it
  kNobody,  // of init, or of the nearest subreaper
};

struct RestoreOptions {
  Parent parent = Parent::kCaller;
  std::string pid_file;  // empty: none
  Program program;
};

struct Restored {
  pid_t root = 0;
  uint64_t processes = 0, threads = 0;
  std::chrono::nanoseconds total{};
};

CAIRN_API Outcome<Restored> restore(const std::string& image, const RestoreOptions& options = {});

struct DryRun {
  bool possible = false;  // all preconditions are met
  std::vector<Precondition> preconditions;
  std::vector<std::string> plan;  // a line a step
};

// What a restore would do. Nothing is made.
CAIRN_API Outcome<DryRun> dry_run(const std::string& image, const Program& program = {});

// What the image holds, as the JSON text that `cairn inspect --json` prints.
CAIRN_API Outcome<std::string> inspect(const std::string& image, const Program& program = {});

}  // namespace cairn
