// While it lives, SIGHUP, SIGINT and SIGTERM make a command fail and undo what it has done, instead of ending it at
// once.
#pragma once

#include <signal.h>

#include <array>

namespace cairn::cli {

class Cancelable {
 public:
  Cancelable();
  Cancelable(const Cancelable&) = delete;
  ~Cancelable();

 private:
  static constexpr std::array<int, 3> kSignals = {SIGHUP, SIGINT, SIGTERM};
  std::array<struct sigaction, kSignals.size()> before_{};
};

}  // namespace cairn::cli
