// A task (thread) that is held in a ptrace stop. Holding a Task proves the stop: its registers and memory are safe to
// touch. All calls on one Task come from the thread that seized it (ptrace(2)).
#pragma once

#include <sys/user.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "kernel/calls.h"

namespace cairn::tracee {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

// What PTRACE_GETREGSET and PTRACE_GETSIGMASK show: NT_PRSTATUS, NT_X86_XSTATE (whole, with header), the blocked mask.
struct CpuState {
  user_regs_struct registers{};
  std::vector<std::byte> xstate;
  uint64_t signal_mask = 0;
};

// struct ptrace_rseq_configuration (Linux 5.13).
struct RseqConfiguration {
  uint64_t pointer = 0;
  uint32_t size = 0, signature = 0, flags = 0, pad = 0;
};

struct Refusal;

enum class StopKind {
  kEvent,  // PTRACE_EVENT_STOP with SIGTRAP: was running, or asleep in a call
  kGroup,  // was stopped by job control (SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU) and goes back to that
};

// A task that was held has died all the same: killed, or ended by the exec of another thread.
class Died : public Error {
 public:
  using Error::Error;
};

class Task {
 public:
  Task(Task&&) noexcept;
  Task& operator=(Task&&) noexcept;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  // Puts everything back and detaches, ignoring errors. With PTRACE_O_EXITKILL it is killed.
  ~Task();

  // PTRACE_SEIZE and PTRACE_INTERRUPT; the stop is waited for by wait_until_stopped(), so that many tasks can be on
  // their way at once. Empty when the task is gone. Errors say why it can't be held: traced by another (names it),
  // no permission, a kernel thread.
  static std::optional<Task> seize(HostPid process, HostPid thread, unsigned ptrace_options);
  // A task that the kernel attached to us at its birth (CLONE_PTRACE, or PTRACE_O_TRACECLONE and its kin).
  // `ptrace_options`: those it has inherited.
  static Task adopt(HostPid process, HostPid thread, unsigned ptrace_options = 0);

  enum class Arrival { kStopped, kGone, kTimeout };
  // Waits for the first stop by this id alone. A signal-delivery-stop or an event (fork, exec) on the way is not our
  // stop: the signal is delivered, and the stop asked for again. (Signals that come up later, while the task runs
  // batches for us, are kept and sent again at release.)
  Arrival wait_until_stopped(Deadline deadline);
  bool stopped() const { return stopped_; }

  HostPid process() const { return process_; }
  HostPid thread() const { return thread_; }
  StopKind stop_kind() const { return stop_kind_; }
  int group_stop_signal() const { return group_stop_signal_; }  // for kGroup

  // Registers as they were at the stop, before anything of ours ran. Read once and kept; release() puts them back. Two
  // things are put right first: a task in an rseq critical section stands at its abort handler, where the kernel would
  // send it anyway, and one that is still in the batch of a killed cairn has come to its end.
  const CpuState& state();
  // A call that an earlier stop has made the kernel restart shows as restart_syscall(2), its number lost. Puts it back
  // into state() where it can be found: in the program's code, or by where the task slept (/proc/TID/wchan, read before
  // the interrupt). The kernel doesn't look at the number when it restarts the call in the same task.
  void find_lost_number(const std::string& wait_channel);
  // What release() shall put in place instead (a restored task).
  void set_state(CpuState state);
  std::optional<RseqConfiguration> rseq() const;
  // Pending signals without taking them (PTRACE_PEEKSIGINFO); `shared` = those of the whole process.
  std::vector<siginfo_t> pending_signals(bool shared) const;
  void set_signal_mask(uint64_t mask);
  void set_options(unsigned ptrace_options);
  // From now on the end of cairn is its end too, and that of its process. No error when it is dead already.
  void die_with_us();

  // Memory, by process_vm_readv/writev, falling back to /proc/PID/mem where protection forbids.
  void read_memory(RemoteAddress from, void* to, size_t size) const;
  void write_memory(RemoteAddress to, const void* from, size_t size) const;

  // Stops the process, which has this one task, by job control, as this signal does at its default; it goes on working
  // for us, and stops when it is released. Its parent is told. False when the signal doesn't stop it: it is in an
  // orphaned group, and the signal isn't SIGSTOP.
  bool stop_by(int signal);
  // Continues such a process; its parent is told of that too.
  void continue_job();

  // Puts registers, extended state and mask back (or set_state()'s in place), sends kept signals again, detaches. A
  // task that was group-stopped is stopped again. A task that died meanwhile is no error: returns false.
  bool release();
  // Puts registers and mask back as they were, but goes on holding the task. False when it has died.
  bool put_back();
  // Kills the whole process (SIGKILL) and reaps this task if it is ours; used when a checkpoint ends with kill and when
  // a restore fails. A leader can only be reaped after its threads: kill those first.
  void kill_and_reap();
  // Forgets the task without touching it: it is dead, or somebody else cares for it.
  void forget();

 private:
  friend class Batch;
  friend class InjectedSpace;
  friend class Snapshot;
  friend class TextCaller;
  friend class TreeSeizer;
  Task(HostPid process, HostPid thread, unsigned options) : process_(process), thread_(thread), options_(options) {}

  // Why not is told by `refusal`; neither task nor refusal when the task is gone.
  static std::optional<Task> try_seize(HostPid process, HostPid thread, unsigned options,
                                       std::optional<Refusal>& refusal);
  std::string name() const;  // for messages
  [[noreturn]] void fail_as_dead() const;
  Arrival lose();
  bool arrived(int status);
  bool stop_again();
  void come_to_signal(int signal);
  void expect_stop();
  void go_on();
  void go_to_syscall();
  bool leave_call_entry();
  CpuState read_state();
  void leave_rseq_section(user_regs_struct& registers) const;
  bool is_left_over(const CpuState& state) const;
  void finish_left_over();
  int next_stop(Deadline deadline);
  static constexpr uint64_t k64BitCode = 0x33;  // cs, as opposed to 0x23
  void allow_calls();
  bool try_suspend_seccomp();
  std::optional<Refusal> refusal_of_calls();
  std::optional<Refusal> refusal_of_dispatch() const;
  void take(const user_regs_struct& registers, uint64_t mask);
  void keep_signal(int signal);
  void keep_if_stop_signal(int status);
  void send_kept_signals();
  bool has_deliverable_signal(uint64_t mask) const;
  bool rewind_if_needed();
  void reap();

  HostPid process_, thread_;
  unsigned options_ = 0;
  bool attached_ = false;
  bool stopped_ = false;
  bool disturbed_ = false;         // registers or mask differ from state_
  bool replaced_ = false;          // state_ is set_state()'s
  bool stepped_ = false;           // may stand at the entry of a call
  bool calls_allowed_ = false;     // no seccomp filter is in the way
  RemoteAddress batch_end_of_{0};  // the slot whose batch the task stands at the end of
  int batch_signal_ = 0;           // that ends them, or 0: they are stepped from call to call
  StopKind stop_kind_ = StopKind::kEvent;
  int group_stop_signal_ = 0;
  std::optional<CpuState> state_;
  std::vector<siginfo_t> kept_signals_;
};

// Where a new task with these registers must go on so that an interrupted system call continues as if nothing had
// happened (kernel_facts: restart values). `same_task` is false for a restored task, whose restart block is gone.
// `wait_channel` is /proc/TID/wchan, read before the interrupt, or empty.
void prepare_restart(user_regs_struct& registers, bool same_task, const std::string& wait_channel);

}  // namespace cairn::tracee
