#include "tracee/task.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "base/log.h"
#include "kernel/procfs.h"
#include "kernel/signals.h"
#include "tracee/batch_layout.h"
#include "tracee/ptrace.h"
#include "tracee/refusal.h"

namespace cairn::tracee {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kStopAgainTime = milliseconds(500);  // a task that we set going ourselves, with only short work to do
constexpr auto kKillTime = seconds(20);

}  // namespace

Task::Task(Task&& other) noexcept
    : process_(other.process_), thread_(other.thread_), options_(other.options_), attached_(other.attached_) {
  *this = std::move(other);
}

Task& Task::operator=(Task&& other) noexcept {
  if (this == &other) return *this;
  process_ = other.process_;
  thread_ = other.thread_;
  options_ = other.options_;
  attached_ = std::exchange(other.attached_, false);
  stopped_ = std::exchange(other.stopped_, false);
  disturbed_ = other.disturbed_;
  stepped_ = other.stepped_;
  replaced_ = other.replaced_;
  calls_allowed_ = other.calls_allowed_;
  batch_end_of_ = other.batch_end_of_;
  batch_signal_ = other.batch_signal_;
  stop_kind_ = other.stop_kind_;
  group_stop_signal_ = other.group_stop_signal_;
  state_ = std::move(other.state_);
  kept_signals_ = std::move(other.kept_signals_);
  return *this;
}

Task::~Task() {
  bool dies = (options_ & PTRACE_O_EXITKILL) != 0;
  constexpr int kTries = 2;  // the first may fail in the middle
  for (int n = 0; attached_ && n < kTries; ++n) {
    try {
      dies ? kill_and_reap() : static_cast<void>(release());
    } catch (const std::exception& error) {
      log::detail("while letting go of {}: {}", name(), error.what());
    }
  }
}

std::string Task::name() const {
  if (thread_ == process_) return fmt::format("process {}", process_.value);
  return fmt::format("thread {} of process {}", thread_.value, process_.value);
}

void Task::fail_as_dead() const { throw Died(fmt::format("{} died while it was held", name())); }

std::optional<Task> Task::try_seize(HostPid process, HostPid thread, unsigned options,
                                    std::optional<Refusal>& refusal) {
  Task task(process, thread, options | PTRACE_O_TRACESYSGOOD);
  constexpr int kTries = 40;
  for (int n = 0; n < kTries; ++n) {
    long result = ptrace::try_seize(thread, task.options_);
    refusal = result < 0 ? explain_refusal(process, thread, static_cast<int>(-result)) : std::nullopt;
    if (result < 0 && !refusal) return {};
    // While another thread execs, the leader is dead until that thread has taken its id.
    if (result != -EPERM || thread != process || tracer_of(process, thread).value != 0) break;
    std::this_thread::sleep_for(milliseconds(1));
  }
  if (refusal) return {};
  task.attached_ = true;
  // ESRCH: it is dying, as the wait for its stop will find; or it is a leader whose id a thread that execs takes over.
  ptrace::interrupt(thread);
  return task;
}

std::optional<Task> Task::seize(HostPid process, HostPid thread, unsigned ptrace_options) {
  std::optional<Refusal> refusal;
  auto task = try_seize(process, thread, ptrace_options, refusal);
  if (refusal)
    throw Error(
        fmt::format("{} can't be held: {}; {}", Task(process, thread, 0).name(), refusal->reason, refusal->remedy));
  return task;
}

Task Task::adopt(HostPid process, HostPid thread, unsigned ptrace_options) {
  Task task(process, thread, ptrace_options);
  task.attached_ = true;
  return task;
}

Task::Arrival Task::lose() {
  forget();
  return Arrival::kGone;
}

void Task::forget() { attached_ = stopped_ = false; }

// It was stopped and isn't any more: it has been killed, or another thread has taken over its id.
void Task::expect_stop() {
  stopped_ = disturbed_ = calls_allowed_ = false;
  state_.reset();
}

void Task::go_on() {
  if (!ptrace::resume(thread_, ptrace::Resume::kContinue)) fail_as_dead();
  stopped_ = stepped_ = false;
}

// To the entry or the exit of the next call.
void Task::go_to_syscall() {
  if (!ptrace::resume(thread_, ptrace::Resume::kToSyscall)) fail_as_dead();
  stopped_ = false;
  stepped_ = true;
}

// Judges one stop on the way to ours; true when this is it. Any trap clears the stop that PTRACE_INTERRUPT asked for
// (ptrace_stop() in kernel/signal.c), so it is asked for again before the task goes on.
bool Task::arrived(int status) {
  int signal = WSTOPSIG(status);
  unsigned event = static_cast<unsigned>(status) >> 16;
  if (event == ptrace::kEventStop) {
    stop_kind_ = signal == SIGTRAP ? StopKind::kEvent : StopKind::kGroup;
    group_stop_signal_ = signal == SIGTRAP ? 0 : signal;
    return true;
  }
  bool deliver = event == 0 && signal != (SIGTRAP | ptrace::kSyscallStop);
  ptrace::interrupt(thread_);
  ptrace::resume(thread_, ptrace::Resume::kContinue, deliver ? signal : 0);
  return false;
}

Task::Arrival Task::wait_until_stopped(Deadline deadline) {
  while (!stopped_) {
    if (!attached_) return Arrival::kGone;
    ptrace::WaitOutcome outcome = ptrace::wait_for_stop(thread_, deadline);
    if (outcome.what == ptrace::Waited::kTimeout) return Arrival::kTimeout;
    if (outcome.what == ptrace::Waited::kGone) return lose();
    stopped_ = arrived(outcome.status);
  }
  return Arrival::kStopped;
}

// The next stop of a task that works for us.
int Task::next_stop(Deadline deadline) {
  ptrace::WaitOutcome outcome = ptrace::wait_for_stop(thread_, deadline);
  if (outcome.what == ptrace::Waited::kTimeout)
    throw Error(fmt::format("{} did not come back from a call that was made in it", name()));
  if (outcome.what == ptrace::Waited::kGone) {
    forget();
    fail_as_dead();
  }
  stopped_ = true;
  return outcome.status;
}

// Something went wrong while the task was on its way for us. It may have come to a stop that we have not seen.
bool Task::stop_again() {
  if (!ptrace::interrupt(thread_)) return false;
  if (ptrace::get_mask(thread_)) return stopped_ = true;
  ptrace::WaitOutcome outcome = ptrace::wait_for_stop(thread_, Clock::now() + kStopAgainTime);
  stopped_ = outcome.what == ptrace::Waited::kStopped;
  return stopped_;
}

const CpuState& Task::state() {
  if (!state_) state_ = read_state();
  return *state_;
}

CpuState Task::read_state() {
  CpuState state;
  constexpr int kFramesAtMost = 3;  // on the way back: the undoing call's, the last one
  for (int n = 0; n <= kFramesAtMost; ++n) {
    auto mask = ptrace::get_mask(thread_);
    if (!mask || !ptrace::get_registers(thread_, state.registers)) fail_as_dead();
    state.signal_mask = *mask;
    if (n == kFramesAtMost || !is_left_over(state)) break;
    finish_left_over();
  }
  leave_rseq_section(state.registers);
  if (!ptrace::get_xstate(thread_, state.xstate)) fail_as_dead();
  return state;
}

void Task::set_state(CpuState state) {
  state_ = std::move(state);
  replaced_ = disturbed_ = true;
}

// The kernel sends a task that was preempted inside a restartable sequence to its abort handler when it goes on. A call
// that we inject would be taken for the end of the sequence.
void Task::leave_rseq_section(user_regs_struct& registers) const {
  constexpr uint64_t kSectionField = 8;  // struct rseq: cpu_id_start, cpu_id, rseq_cs
  struct Section {
    uint32_t version, flags;
    uint64_t start, length, abort;
  } section{};
  auto configuration = rseq();
  if (!configuration || configuration->pointer == 0) return;
  uint64_t address = 0;
  auto read = [&](uint64_t from, void* to, size_t size) {
    iovec local = {to, size}, remote = {reinterpret_cast<void*>(from), size};
    return kernel::try_process_vm_readv(thread_, {&local, 1}, {&remote, 1}) == static_cast<ssize_t>(size);
  };
  if (!read(configuration->pointer + kSectionField, &address, sizeof(address)) || address == 0) return;
  if (!read(address, &section, sizeof(section))) return;
  if (registers.rip - section.start < section.length) registers.rip = section.abort;
}

std::optional<RseqConfiguration> Task::rseq() const { return ptrace::rseq(thread_); }

std::vector<siginfo_t> Task::pending_signals(bool shared) const {
  std::vector<siginfo_t> signals;
  if (!ptrace::peek_signals(thread_, shared ? ptrace::Queue::kProcess : ptrace::Queue::kTask, signals)) fail_as_dead();
  return signals;
}

void Task::set_signal_mask(uint64_t mask) {
  disturbed_ = true;
  if (!ptrace::set_mask(thread_, mask)) fail_as_dead();
}

void Task::set_options(unsigned ptrace_options) {
  options_ = ptrace_options;
  if (!ptrace::set_options(thread_, options_)) fail_as_dead();
}

void Task::die_with_us() {
  if (attached_ && stopped_) ptrace::set_options(thread_, options_ | PTRACE_O_EXITKILL);
}

// False when we may not: cairn has a filter itself, or lacks CAP_SYS_ADMIN.
bool Task::try_suspend_seccomp() {
  long result = ptrace::try_set_options(thread_, options_ | ptrace::kSuspendSeccomp);
  if (result == -ESRCH) fail_as_dead();
  calls_allowed_ = result == 0;
  return calls_allowed_;
}

// Our calls pass while the program's selector says that all do. Dispatch can't be switched off for them: were cairn
// killed then, the program would run on without it, and make calls that it means for its own handler. For the same
// reason the selector is left as it is.
std::optional<Refusal> Task::refusal_of_dispatch() const {
  constexpr char kAllow = 0;  // SYSCALL_DISPATCH_FILTER_ALLOW
  auto dispatch = ptrace::syscall_dispatch(thread_);
  if (!dispatch) return {};
  std::string what = fmt::format("{} has its system calls dispatched to itself (PR_SET_SYSCALL_USER_DISPATCH)", name());
  if (dispatch->selector == 0) return Refusal{what + " without a selector", "only with one can calls be made in it"};
  char selector = kAllow;
  iovec local = {&selector, sizeof(selector)}, remote = {reinterpret_cast<void*>(dispatch->selector), sizeof(selector)};
  ssize_t size = kernel::try_process_vm_readv(thread_, {&local, 1}, {&remote, 1});
  if (size == sizeof(selector) && selector == kAllow) return {};
  return Refusal{what + ", and its selector blocks them now", "try again, or raise --timeout", true};
}

// Why no call can be made in this task, if so.
std::optional<Refusal> Task::refusal_of_calls() {
  if (state().registers.cs != k64BitCode)
    return Refusal{fmt::format("{} runs 32-bit code", name()), "only 64-bit programs can be checkpointed"};
  if (auto refusal = refusal_of_dispatch()) return refusal;
  return try_suspend_seccomp() ? std::nullopt : seccomp_refusal(process_, thread_);
}

void Task::allow_calls() {
  if (calls_allowed_) return;
  if (auto refusal = refusal_of_calls())
    throw Error(fmt::format("no call can be made: {}; {}", refusal->reason, refusal->remedy));
  calls_allowed_ = true;
}

// Sets it to registers of ours. In this order: a killed tracer in between leaves the registers to heal the mask.
void Task::take(const user_regs_struct& registers, uint64_t mask) {
  state();
  disturbed_ = true;
  batch_end_of_ = {0};
  if (!ptrace::set_registers(thread_, registers) || !ptrace::set_mask(thread_, mask)) fail_as_dead();
}

// After a failure a task may stand at the entry of a call of ours; the kernel would make whatever call the put-back
// registers name.
bool Task::leave_call_entry() {
  auto message = ptrace::event_message(thread_);
  user_regs_struct registers;
  if (message != ptrace::kAtEntry) return message.has_value();
  if (!ptrace::get_registers(thread_, registers)) return false;
  registers.orig_rax = ~0ull;  // none
  if (!ptrace::set_registers(thread_, registers)) return false;
  go_to_syscall();
  next_stop(Clock::now() + kStopAgainTime);
  stepped_ = false;
  return true;
}

bool Task::put_back() {
  if (!attached_) return false;
  if (!stopped_ && !stop_again()) return false;
  batch_end_of_ = {0};
  if (!disturbed_) return true;
  if (stepped_ && !leave_call_entry()) return false;
  // In this order a task whose tracer is killed in between still has its healing frame to go to.
  if (!ptrace::set_mask(thread_, state_->signal_mask)) return false;
  if (replaced_ && !ptrace::set_xstate(thread_, state_->xstate)) return false;
  if (!ptrace::set_registers(thread_, state_->registers)) return false;
  disturbed_ = false;
  return true;
}

bool Task::has_deliverable_signal(uint64_t mask) const {
  for (bool shared : {false, true})
    for (const siginfo_t& info : pending_signals(shared))
      if ((mask & kernel::signal_bit(info.si_signo)) == 0) return true;
  return false;
}

// An interrupted call that the kernel doesn't restart by itself is made again, unless a signal is the true cause.
bool Task::rewind_if_needed() {
  user_regs_struct registers;
  if (replaced_) return true;
  if (state_)
    registers = state_->registers;
  else if (!ptrace::get_registers(thread_, registers))
    return false;
  uint64_t before = registers.rip;
  prepare_restart(registers, true, "");
  if (registers.rip == before) return true;
  auto mask = state_ ? state_->signal_mask : ptrace::get_mask(thread_);
  if (!mask) return false;
  return has_deliverable_signal(*mask) || ptrace::set_registers(thread_, registers);
}

// The parent of a dead task hears of it only after we, the tracer, have reaped it. Stops that come instead are those of
// a program that goes on under this id.
void Task::reap() {
  Deadline deadline = Clock::now() + kStopAgainTime;
  while (attached_) {
    if (ptrace::wait_for_stop(thread_, deadline).what != ptrace::Waited::kStopped) return;
    if (ptrace::detach(thread_)) return;
  }
}

bool Task::release() {
  if (!attached_) return false;
  bool alive = put_back() && rewind_if_needed();
  if (alive) send_kept_signals();
  alive = alive && ptrace::detach(thread_);
  if (!alive) reap();
  forget();
  return alive;
}

void Task::keep_signal(int signal) {
  auto info = ptrace::signal_info(thread_);
  if (!info || info->si_signo != signal) return;
  kept_signals_.push_back(*info);
}

// SIGSTOP comes through every mask.
void Task::keep_if_stop_signal(int status) {
  if (status >> 8 == SIGSTOP) keep_signal(SIGSTOP);
}

// A signal that the kernel or kill(2) has sent can't be queued again with its details (rt_sigqueueinfo refuses to forge
// them), only as such.
void Task::send_kept_signals() {
  for (siginfo_t& info : std::exchange(kept_signals_, {})) {
    bool to_thread = info.si_code == SI_TKILL || info.si_signo == SIGSTOP;
    long result = to_thread ? -EPERM
                            : kernel::call("rt_sigqueueinfo", SYS_rt_sigqueueinfo, process_.value, info.si_signo,
                                           kernel::arg(&info));
    if (result == 0) continue;
    if (to_thread)
      kernel::tgkill(process_, thread_, info.si_signo);
    else
      kernel::kill(process_, info.si_signo);
  }
}

void Task::kill_and_reap() {
  if (!attached_) return;
  Deadline deadline = Clock::now() + kKillTime;
  kernel::kill(process_, SIGKILL);
  while (attached_) {
    ptrace::WaitOutcome outcome = ptrace::wait_for_stop(thread_, deadline);
    if (outcome.what == ptrace::Waited::kGone) forget();
    if (outcome.what == ptrace::Waited::kTimeout)
      throw Error(fmt::format("{} has not died from SIGKILL within {} s", name(), kKillTime.count()));
  }
}

}  // namespace cairn::tracee
