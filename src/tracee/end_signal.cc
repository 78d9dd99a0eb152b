#include "tracee/end_signal.h"

#include <csignal>
#include <initializer_list>

#include "kernel/signals.h"

namespace cairn::tracee {
namespace {

using kernel::signal_bit;

uint64_t bits(std::initializer_list<int> signals) {
  uint64_t set = 0;
  for (int signal : signals) set |= signal_bit(signal);
  return set;
}

// Sending these does more than queue them (stop and continue), can't be had (SIGKILL), or may come from the processor;
// 32 and 33 are the C library's own.
const uint64_t kNeverUsed = bits(
    {SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, 32, 33});
// Their default is to be ignored. SIGCHLD last: it is the one most likely to come from elsewhere.
constexpr int kQuietByDefault[] = {SIGURG, SIGWINCH, SIGCHLD};

int first_of(uint64_t allowed) {
  for (int signal : kQuietByDefault)
    if ((allowed & signal_bit(signal)) != 0) return signal;
  for (int signal = 1; signal <= 64; ++signal)
    if ((allowed & signal_bit(signal)) != 0) return signal;
  return 0;
}

}  // namespace

Dispositions read_dispositions(const kernel::KeyValues& status) {
  return {status.hex("SigIgn"), status.hex("SigCgt"), status.hex("ShdPnd")};
}

int harmless_end_signal(const Dispositions& process, uint64_t blocked, uint64_t pending) {
  uint64_t quiet = (process.ignored | bits({SIGURG, SIGWINCH, SIGCHLD})) & ~process.caught & ~kNeverUsed;
  if (int signal = first_of(quiet & ~blocked); signal != 0) return signal;
  return first_of(quiet & ~pending & ~process.pending);
}

int any_end_signal(uint64_t reserved) { return first_of(~reserved & ~kNeverUsed); }

}  // namespace cairn::tracee
