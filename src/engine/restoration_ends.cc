// How tasks end that don't survive a restore: zombies as they are recorded, phantoms and temporary ancestors without a
// trace.
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <thread>

#include "engine/restoration.h"
#include "kernel/clone.h"
#include "kernel/signals.h"
#include "tracee/batch_layout.h"

namespace cairn::engine {
namespace {

using resources::RestoredTask;

constexpr auto kPatience = std::chrono::seconds(10);

// The address of a `syscall` instruction in the batch loop.
RemoteAddress syscall_instruction(const tracee::SharedSpace& space) {
  std::span<const std::byte> code = tracee::batch_code();
  for (size_t i = 0; i + 1 < code.size(); ++i) {
    if (code[i] == std::byte{0x0f} && code[i + 1] == std::byte{0x05}) return space.code() + i;
  }
  throw Error("internal error: the batch loop makes no calls");
}

void wait_until_zombie(HostPid pid) {
  auto deadline = tracee::Clock::now() + kPatience;
  while (tracee::Clock::now() < deadline) {
    auto stat = kernel::try_stat_of(pid);
    if (!stat) throw Error(fmt::format("zombie {} was reaped by another", pid.value));
    if (stat->has_ended()) return;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  throw Error(fmt::format("process {} did not end as its record says", pid.value));
}

// A child's death was told to its parent before anything of the parent's own signals was restored.
void drain_child_signals(RestoredTask& parent, int exit_signal) {
  uint64_t child_signals = kernel::signal_bit(SIGCHLD);
  if (exit_signal > 0) child_signals |= kernel::signal_bit(exit_signal);
  parent.take_pending(child_signals);
}

// signal(7)
bool dumps_core(int signal) {
  constexpr int kSignals[] = {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS};
  return std::ranges::find(kSignals, signal) != std::end(kSignals);
}

// By a limit that is less than any core; it has to be 1 where cores go into a pipe or a socket (core(5)). Who may not
// have that must not be dumpable. Else it stays so: a zombie that isn't tells its exit status to root only.
rlimit forbid_core(RestoredTask& task) {
  rlimit limit{};
  kernel::checked("prlimit64", SYS_prlimit64, task.process().value, RLIMIT_CORE, 0, kernel::arg(&limit));
  rlimit lowered{std::min<rlim_t>(limit.rlim_max, 1), limit.rlim_max};
  kernel::checked("prlimit64", SYS_prlimit64, task.process().value, RLIMIT_CORE, kernel::arg(&lowered), 0);
  bool to_file = kernel::read_file("/proc/sys/kernel/core_pattern").find_first_of("|@") != 0;
  task.room(1).call(SYS_prctl, PR_SET_DUMPABLE, to_file ? 1 : lowered.rlim_cur);
  task.batch().flush();
  return limit;
}

// Where the recorded one was sent to shows in what is pending still. SIGKILL takes effect at once, in the stop.
void send_fatal_signal(RestoredTask& task, const image::Process& record) {
  int signal = WTERMSIG(record.exit_status());
  if ((record.shared_pending() & kernel::signal_bit(signal)) != 0) {
    kernel::kill(task.process(), signal);
  } else {
    kernel::tgkill(task.process(), task.thread(), signal);
  }
  if (signal == SIGKILL) task.task().kill_and_reap();
}

// The parent knows it by the number in its own pid namespace.
void kill_and_reap_from(RestoredTask& parent, RestoredTask& task) {
  pid_t pid = kernel::innermost_ids(kernel::ProcDir::open(task.process())->status()).process.value;
  task.task().kill_and_reap();  // as its tracer: now its parent is told
  tracee::Pending reaped = parent.room(1).call(SYS_wait4, pid, 0, __WALL | WNOHANG, 0);
  drain_child_signals(parent, 0);
  parent.batch().flush();
  if (reaped.value() != pid) throw Error(fmt::format("process {} could not be reaped by its parent", pid));
}

}  // namespace

RestoredTask& Restoration::begin_temporary(RestoredTask& creator, uint64_t flags) {
  CAIRN_ASSERT(!temporary_);
  if (!temporary_slot_) temporary_slot_ = next_slot_++;
  while (true) {
    kernel::CloneArguments arguments{};
    arguments.flags = flags | CLONE_PTRACE;  // and no exit signal
    tracee::Batch& batch = creator.room(1, sizeof(arguments));
    tracee::Pending pid = batch.call(SYS_clone3, batch.put(arguments), sizeof(arguments));
    batch.flush();
    NamespacePid number{static_cast<pid_t>(pid.value())};
    HostPid process = host_id(number);
    tracee::Task task = tracee::Task::adopt(process, process, PTRACE_O_EXITKILL);
    if (task.wait_until_stopped(tracee::Clock::now() + kPatience) != tracee::Task::Arrival::kStopped) {
      throw Error(fmt::format("the temporary process {} died at its birth", process.value));
    }
    temporary_ = std::make_unique<RestoredTask>(RecordId{}, std::move(task), *space_, *temporary_slot_);
    if (!tree_.has_task(number.value)) return *temporary_;
    end_temporary(creator);
  }
}

void Restoration::end_temporary(RestoredTask& creator) {
  kill_and_reap_from(creator, *temporary_);
  temporary_.reset();
}

void Restoration::end_phantom(RecordId process) {
  const graph::Birth& birth = births_.of(process);
  if (birth.way == graph::Birth::Way::kPlanter) return;  // it ends with the planter
  CAIRN_ASSERT(birth.creator || planter_);
  RestoredTask& task = actor_of(process);
  if (!task.batch().empty()) task.batch().flush();
  kill_and_reap_from(birth.creator ? actor_of(birth.creator) : *planter_, task);
  tasks_.erase(tree_.actor(process));
}

// The task goes on untraced and alone: into its fatal signal, or into exit_group.
void Restoration::end(RecordId process) {
  const image::Process& record = *tree_.process(process).state;
  RestoredTask& task = actor_of(process);
  HostPid pid = task.process();
  if (!task.batch().empty()) task.batch().flush();
  std::optional<rlimit> core_limit;
  if (WIFSIGNALED(record.exit_status()) && dumps_core(WTERMSIG(record.exit_status()))) core_limit = forbid_core(task);
  tracee::CpuState state = task.task().state();
  state.registers.rip = syscall_instruction(*space_).value;
  state.registers.rax = SYS_exit_group;
  state.registers.orig_rax = ~0ULL;
  state.registers.rdi = static_cast<uint64_t>(WEXITSTATUS(record.exit_status()));
  state.signal_mask = record.blocked();
  if (WIFSIGNALED(record.exit_status())) state.signal_mask &= ~kernel::signal_bit(WTERMSIG(record.exit_status()));
  task.task().set_state(std::move(state));
  task.task().put_back();  // first: should we be killed meanwhile, it must not go on where it is now
  task.task().set_options(0);
  if (WIFSIGNALED(record.exit_status())) send_fatal_signal(task, record);
  task.task().release();
  tasks_.erase(tree_.actor(process));
  wait_until_zombie(pid);
  if (core_limit) kernel::checked("prlimit64", SYS_prlimit64, pid.value, RLIMIT_CORE, kernel::arg(&*core_limit), 0);
  if (RecordId parent = tree_.process(process).parent) drain_child_signals(actor_of(parent), record.exit_signal());
}

}  // namespace cairn::engine
