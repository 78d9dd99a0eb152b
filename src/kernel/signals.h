// Signals as the kernel's own interfaces have them, which the C library's differ from.
#pragma once

#include <cstdint>

namespace cairn::kernel {

inline constexpr int kSignals = 64;  // numbered from 1, signal(7)

// Its place in a set of signals.
constexpr uint64_t signal_bit(int signal) { return uint64_t{1} << (signal - 1); }

// What rt_sigaction(2) takes on x86-64.
struct SignalAction {
  uint64_t handler = 0, flags = 0, restorer = 0, mask = 0;
  bool operator==(const SignalAction&) const = default;
};

}  // namespace cairn::kernel
