// ptrace(2) and wait4(2), typed. A task may die at any moment, so ESRCH is an ordinary outcome: functions return false
// (or nothing) for it. Any other failure is an Error that names the request and the task.
#pragma once

#include <sys/user.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "tracee/task.h"

namespace cairn::tracee::ptrace {

// Newer than, or missing from, the C library's header.
constexpr unsigned kEventStop = 128;            // PTRACE_EVENT_STOP
constexpr unsigned kSuspendSeccomp = 1u << 21;  // PTRACE_O_SUSPEND_SECCOMP, Linux 4.3
constexpr int kSyscallStop = 0x80;              // or-ed to SIGTRAP under PTRACE_O_TRACESYSGOOD

// 0 or a negative errno value.
long try_seize(HostPid task, unsigned options);
long try_set_options(HostPid task, unsigned options);
bool set_options(HostPid task, unsigned options);
bool interrupt(HostPid task);

enum class Resume { kContinue, kToSyscall };
bool resume(HostPid task, Resume how, int signal = 0);
bool detach(HostPid task, int signal = 0);

bool get_registers(HostPid task, user_regs_struct& registers);
bool set_registers(HostPid task, const user_regs_struct& registers);
bool get_xstate(HostPid task, std::vector<std::byte>& xstate);
bool set_xstate(HostPid task, const std::vector<std::byte>& xstate);
// One register of user_regs_struct, by its offset.
std::optional<uint64_t> peek_register(HostPid task, size_t offset);
std::optional<uint64_t> get_mask(HostPid task);
bool set_mask(HostPid task, uint64_t mask);
std::optional<uint64_t> event_message(HostPid task);
constexpr uint64_t kAtEntry = 1, kAtExit = 2;  // PTRACE_EVENTMSG_SYSCALL_ENTRY, _EXIT, Linux 5.3
std::optional<siginfo_t> signal_info(HostPid task);
enum class Queue { kTask, kProcess };
bool peek_signals(HostPid task, Queue queue, std::vector<siginfo_t>& signals);
std::optional<RseqConfiguration> rseq(HostPid task);
// Syscall user dispatch (prctl(2) PR_SET_SYSCALL_USER_DISPATCH), struct ptrace_sud_config: the kernel lets calls from
// this range of code pass, and asks the byte at `selector`, if there is one, about all others.
struct DispatchConfiguration {
  uint64_t mode = 0, selector = 0, offset = 0, length = 0;
};
// None when it is off, or can't be asked (Linux < 6.4).
std::optional<DispatchConfiguration> syscall_dispatch(HostPid task);

// wait4(2) for this id alone, with __WALL. kGone: it has exited (status is set, and it is reaped as far as we were its
// waiter), it is a leader that died before its threads, or it isn't ours (status -1).
enum class Waited { kStopped, kGone, kTimeout };
struct WaitOutcome {
  Waited what;
  int status = -1;
};
WaitOutcome wait_for_stop(HostPid task, Deadline deadline);
// Whether there is a stop that wait_for_stop() has not told yet; it stays so.
bool has_untold_stop(HostPid task);

}  // namespace cairn::tracee::ptrace
