#include "cli/cancelable.h"

#include <sys/time.h>

#include "kernel/cancel.h"

namespace cairn::cli {
namespace {

void on_signal(int signal) { kernel::cancel(signal); }

void set_alarm(std::chrono::microseconds limit) {
  constexpr long kMicroseconds = 1'000'000;
  itimerval timer{};
  timer.it_value = {limit.count() / kMicroseconds, limit.count() % kMicroseconds};
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

// Without SA_RESTART: who waits shall look up. What is ignored (nohup) stays ignored.
Cancelable::Cancelable(std::optional<std::chrono::milliseconds> limit) {
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (size_t n = 0; n < kSignals.size(); ++n) {
    ::sigaction(kSignals[n], nullptr, &before_[n]);
    if (before_[n].sa_handler != SIG_IGN || is_of_timer(kSignals[n])) ::sigaction(kSignals[n], &action, nullptr);
  }
  if (limit) set_alarm(*limit);
}

Cancelable::~Cancelable() {
  set_alarm(std::chrono::microseconds(0));
  for (size_t n = 0; n < kSignals.size(); ++n) ::sigaction(kSignals[n], &before_[n], nullptr);
}

}  // namespace cairn::cli
