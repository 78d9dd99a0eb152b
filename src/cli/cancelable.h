// While it lives, SIGHUP, SIGINT and SIGTERM make a command fail and undo what it has done, instead of ending it at
// once. So does the end of the time that it may take, or may hold a tree for.
#pragma once

#include <signal.h>

#include <array>
#include <chrono>
#include <optional>

#include "engine/pause_limit.h"

namespace cairn::cli {

// Whether a signal is our own timer's: the end of a time that was given is a failure like any other.
constexpr bool is_of_timer(int signal) { return signal == SIGALRM || signal == engine::kPauseSignal; }

class Cancelable {
 public:
  explicit Cancelable(std::optional<std::chrono::milliseconds> limit = {});
  Cancelable(const Cancelable&) = delete;
  ~Cancelable();

 private:
  static constexpr std::array<int, 5> kSignals = {SIGHUP, SIGINT, SIGTERM, SIGALRM, engine::kPauseSignal};
  std::array<struct sigaction, kSignals.size()> before_{};
};

}  // namespace cairn::cli
