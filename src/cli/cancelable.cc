#include "cli/cancelable.h"

#include "kernel/cancel.h"

namespace cairn::cli {
namespace {

void on_signal(int signal) { kernel::cancel(signal); }

}  // namespace

// Without SA_RESTART: who waits shall look up. What is ignored (nohup) stays ignored.
Cancelable::Cancelable() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (size_t n = 0; n < kSignals.size(); ++n) {
    ::sigaction(kSignals[n], nullptr, &before_[n]);
    if (before_[n].sa_handler != SIG_IGN) ::sigaction(kSignals[n], &action, nullptr);
  }
}

Cancelable::~Cancelable() {
  for (size_t n = 0; n < kSignals.size(); ++n) ::sigaction(kSignals[n], &before_[n], nullptr);
}

}  // namespace cairn::cli
