// While it lives, SIGHUP, SIGINT and SIGTERM make a command fail and undo what it has done, instead of ending it at
// once. So does the end of the time that it may take (SIGALRM), or may hold a tree for (SIGVTALRM).
#pragma once

#include <signal.h>

#include <array>
#include <chrono>
#include <optional>

namespace cairn::cli {

class Cancelable {
 public:
  explicit Cancelable(std::optional<std::chrono::milliseconds> limit = {});
  Cancelable(const Cancelable&) = delete;
  ~Cancelable();

 private:
  static constexpr std::array<int, 5> kSignals = {SIGHUP, SIGINT, SIGTERM, SIGALRM, SIGVTALRM};
  std::array<struct sigaction, kSignals.size()> before_{};
};

}  // namespace cairn::cli
