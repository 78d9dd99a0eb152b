// The seam: raw system calls, and the faults that the sweep (tests/faults) puts in their way.
//
// The counter lies in memory shared with forked children, so that a planter or maker that makes its calls through the
// seam is swept too and each N fires exactly once, in whichever process makes the Nth call.
#include "kernel/seam.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "kernel/cancel.h"

namespace cairn::kernel {
namespace {

enum class FaultAction { kCount, kList, kFail, kKill, kStop };

struct Fault {
  FaultAction action = FaultAction::kCount;
  unsigned long number = 0;  // of the call that it hits; 0 hits none
  int error_number = 0;      // for kFail
  pid_t armed_by = 0;
  std::atomic<unsigned long>* counter = nullptr;
};

Fault fault;
bool armed = false;

std::atomic<int> cancel_signal = 0;
std::atomic<bool> cancel_due = false, cancel_allowed = true;

// These report EINTR to a caller who wants to see signals; close(2) must not be repeated: the descriptor is gone.
bool may_be_interrupted(long number) {
  switch (number) {
    case SYS_wait4:
    case SYS_waitid:
    case SYS_poll:
    case SYS_ppoll:
    case SYS_select:
    case SYS_pselect6:
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_pause:
    case SYS_rt_sigsuspend:
    case SYS_rt_sigtimedwait:
    case SYS_close:
      return true;
    default:
      return false;
  }
}

const char* effect() {
  if (fault.action == FaultAction::kFail) return strerrorname_np(fault.error_number);
  return fault.action == FaultAction::kKill ? "kill" : "stop";
}

// Counts the call; a negative errno value when the fault strikes here.
std::optional<long> strike(const char* name) {
  unsigned long number = fault.counter->fetch_add(1, std::memory_order_relaxed) + 1;
  if (fault.action == FaultAction::kList)
    log::write(log::Level::kNormal, fmt::format("kernel call {} ({})", number, name));
  if (number != fault.number) return std::nullopt;
  log::write(log::Level::kNormal, fmt::format("kernel call {} ({}): injected {}", number, name, effect()));
  if (fault.action == FaultAction::kFail) return -fault.error_number;
  ::kill(::getpid(), fault.action == FaultAction::kKill ? SIGKILL : SIGSTOP);
  return std::nullopt;  // it has been continued: SIGKILL never comes back
}

void print_count() {
  // A forked child that leaves through exit(3) runs this too: the number is told once, by who was asked.
  if (::getpid() != fault.armed_by) return;
  log::write(log::Level::kNormal, fmt::format("kernel calls: {}", fault.counter->load()));
}

[[noreturn]] void refuse(std::string_view text) {
  throw Error(fmt::format("CAIRN_FAULT: '{}' is none of N:ERRNO, N:kill, N:stop, count, list", text), Failure::kUsage);
}

int error_number_of(std::string_view name) {
  int number = 0;
  auto [end, status] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (status == std::errc() && end == name.data() + name.size() && number > 0 && number < 4096) return number;
  for (int candidate = 1; candidate < 4096; ++candidate) {
    const char* known = strerrorname_np(candidate);
    if (known && name == known) return candidate;
  }
  return 0;
}

Fault parse_fault(std::string_view text) {
  Fault parsed;
  if (text == "count") return parsed;
  if (text == "list") return {.action = FaultAction::kList};
  size_t colon = text.find(':');
  if (colon == std::string_view::npos) refuse(text);
  auto [end, status] = std::from_chars(text.data(), text.data() + colon, parsed.number);
  if (status != std::errc() || end != text.data() + colon || parsed.number == 0) refuse(text);
  std::string_view effect = text.substr(colon + 1);
  parsed.action = effect == "kill" ? FaultAction::kKill : effect == "stop" ? FaultAction::kStop : FaultAction::kFail;
  parsed.error_number = error_number_of(effect);
  if (parsed.action == FaultAction::kFail && parsed.error_number == 0) refuse(text);
  return parsed;
}

std::atomic<unsigned long>* shared_counter() {
  void* page =
      ::mmap(nullptr, sizeof(std::atomic<unsigned long>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw Error::system("CAIRN_FAULT: mmap", errno);
  return new (page) std::atomic<unsigned long>(0);
}

}  // namespace

long call(const char* name, long number, long a, long b, long c, long d, long e, long f) {
  if (armed) [[unlikely]] {
    // An injected EINTR is a signal: calls that are repeated after one never show it.
    if (auto result = strike(name); result && (*result != -EINTR || may_be_interrupted(number))) return *result;
  }
  if (cancel_due.load(std::memory_order_relaxed)) [[unlikely]] {
    if (cancel_due.exchange(false) && cancel_allowed) return -ECANCELED;
  }
  while (true) {
    long result = ::syscall(number, a, b, c, d, e, f);
    if (result != -1) return result;
    if (errno != EINTR || may_be_interrupted(number)) return -errno;
  }
}

long checked(const char* name, long number, long a, long b, long c, long d, long e, long f) {
  long result = call(name, number, a, b, c, d, e, f);
  if (result < 0 && result >= -4095) throw Error::system(name, static_cast<int>(-result));
  return result;
}

void cancel(int signal) noexcept {
  cancel_signal = signal;
  cancel_due = true;
}

int canceled_by() noexcept { return cancel_allowed ? cancel_signal.load() : 0; }

void stop_if_canceled() {
  if (int signal = canceled_by(); signal != 0) throw Error(fmt::format("stopped by SIG{}", sigabbrev_np(signal)));
}

void end_of_canceling() noexcept { cancel_allowed = false; }

void arm_faults_from_environment() {
  const char* text = ::getenv("CAIRN_FAULT");
  if (!text) return;
  fault = parse_fault(text);
  fault.armed_by = ::getpid();
  fault.counter = shared_counter();
  armed = true;
  if (fault.action == FaultAction::kCount) std::atexit(print_count);
}

}  // namespace cairn::kernel
