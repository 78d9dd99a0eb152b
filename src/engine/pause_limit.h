// Bounds the time for which a tree is held: when it is over, the work is canceled (kernel/cancel.h) by SIGVTALRM, and
// what undoes a canceled checkpoint lets the tree go.
#pragma once

#include <signal.h>
#include <time.h>

#include <chrono>

namespace cairn::engine {

constexpr int kPauseSignal = SIGVTALRM;

class PauseLimit {
 public:
  // Who uses it handles kPauseSignal by kernel::cancel().
  explicit PauseLimit(std::chrono::milliseconds limit);
  PauseLimit(const PauseLimit&) = delete;
  ~PauseLimit();

 private:
  timer_t timer_{};
};

}  // namespace cairn::engine
