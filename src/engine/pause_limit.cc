#include "engine/pause_limit.h"

#include "base/error.h"

namespace cairn::engine {

// By no seam of the fault sweep: the timer is an affair of this process alone.
PauseLimit::PauseLimit(std::chrono::milliseconds limit) {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = kPauseSignal;
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) throw Error::system("timer_create", errno);
  itimerspec time{};
  time.it_value = {limit.count() / 1000, limit.count() % 1000 * 1'000'000};
  ::timer_settime(timer_, 0, &time, nullptr);
}

PauseLimit::~PauseLimit() { ::timer_delete(timer_); }

}  // namespace cairn::engine
