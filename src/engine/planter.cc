#include "engine/planter.h"

#include <fcntl.h>
#include <linux/rseq.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "kernel/clone.h"
#include "kernel/pid_namespace.h"
#include "kernel/signals.h"

namespace cairn::engine {
namespace {

using resources::RestoredTask;

constexpr uint64_t kTopOfUserSpace = 0x7ffffffff000;
constexpr auto kPatience = std::chrono::seconds(10);

// What the child says when its address space and descriptors are in place.
struct Answer {
  bool ready = false;
  const char* clocks_step = nullptr;  // that failed, a literal of ours
  int clocks_error = 0;
};

// Nothing in the child may allocate or throw: it is a fork, and is about to lose its address space.

// unshare(2) gives a time namespace to children only; with setns(2) we are in it ourselves. Its offsets can be written
// until somebody is in it.
bool enter_clocks(const std::string& offsets, Answer& answer) {
  auto done = [&](const char* step, long result) {
    if (result >= 0) return true;
    answer.clocks_step = step;
    answer.clocks_error = errno;
    return false;
  };
  if (!done("unshare(CLONE_NEWTIME)", ::unshare(kernel::kCloneNewTime))) return false;
  int file = ::open("/proc/self/timens_offsets", O_WRONLY);
  if (!done("open timens_offsets", file)) return false;
  if (!done("write timens_offsets", ::write(file, offsets.data(), offsets.size()))) return false;
  int space = ::open("/proc/self/ns/time_for_children", O_RDONLY);
  if (!done("open time_for_children", space)) return false;
  return done("setns(CLONE_NEWTIME)", ::setns(space, kernel::kCloneNewTime));
}

// CLONE_CLEAR_SIGHAND resets handlers only: what cairn ignores, as nohup(1) and shells' background jobs do, would be
// ignored by the tree as well.
void reset_signals() {
  constexpr kernel::SignalAction kDefault;  // not what signal(2) of the C library would make of it
  for (int signal = 1; signal <= kernel::kSignals; ++signal)
    ::syscall(SYS_rt_sigaction, signal, &kDefault, nullptr, sizeof(kDefault.mask));
}

[[noreturn]] void be_planter(const PlanterRequest& request, const std::string& offsets,
                             const tracee::SharedSpace& space) {
  Answer answer;
  reset_signals();
  enter_clocks(offsets, answer);
  auto start = reinterpret_cast<void*>(space.code().value & ~uint64_t{0xfff});
  void* code =
      ::mmap(start, space.code_size(), PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE, space.memfd(), 0);
  void* slots =
      ::mmap(static_cast<char*>(start) + space.code_size(), space.size() - space.code_size(), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_FIXED_NOREPLACE, space.memfd(), static_cast<off_t>(space.code_size()));
  bool ready = code == start && slots != MAP_FAILED;
  // Only now, since the number may be the memfd's. dup3 onto itself is EINVAL; close-on-exec doesn't matter, since
  // nothing is ever executed here.
  if (request.socket != request.socket_number) {
    ready = ::syscall(SYS_dup3, request.socket, request.socket_number, 0) >= 0 && ready;
  }
  kernel::keep_only(request.socket_number);
  answer.ready = ready;
  [[maybe_unused]] ssize_t written = ::write(request.socket_number, &answer, sizeof(answer));
  for (;;) ::pause();
}

void strip(RestoredTask& task, const tracee::SharedSpace& space) {
  tracee::Batch& batch = task.batch();
  if (auto rseq = task.task().rseq(); rseq && rseq->pointer != 0) {
    batch.call(SYS_rseq, rseq->pointer, rseq->size, RSEQ_FLAG_UNREGISTER, rseq->signature);
  }
  batch.call(SYS_set_robust_list, 0, 24);
  batch.call(SYS_set_tid_address, 0);
  stack_t no_stack{};
  no_stack.ss_flags = SS_DISABLE;
  batch.call(SYS_sigaltstack, batch.put(no_stack), 0);
  uint64_t start = space.code().value & ~uint64_t{0xfff};
  uint64_t end = start + space.size();
  batch.call(SYS_munmap, 0, start);
  batch.call(SYS_munmap, end, kTopOfUserSpace - end);
  batch.flush();
}

Answer wait_until_ready(int socket) {
  pollfd entry{socket, POLLIN, 0};
  Answer answer;
  if (kernel::poll({&entry, 1}, std::chrono::duration_cast<std::chrono::milliseconds>(kPatience)) == 1) {
    kernel::call("read", SYS_read, socket, kernel::arg(&answer), sizeof(answer));
  }
  if (!answer.ready) throw Error("the first process of the restored tree could not set up its address space");
  return answer;
}

std::string clocks_problem(const Answer& answer) {
  if (answer.clocks_step == nullptr) return "";
  return Error::system(answer.clocks_step, answer.clocks_error).what();
}

// The fork, from cairn or from cairn-init.
class PlanterChild final : public InitChild {
 public:
  PlanterChild(const PlanterRequest& request, const tracee::SharedSpace& space)
      : request_(request), space_(space), offsets_(kernel::format_clock_offsets(request.clocks)) {
    arguments_.flags = kernel::kCloneClearSighand;
    if (request.place == Place::kSibling && !request.envelope.pids) {
      arguments_.flags |= CLONE_PARENT;
    } else {
      arguments_.exit_signal = SIGCHLD;
    }
    if (request.wanted_pid == 0) return;
    arguments_.set_tid = static_cast<uint64_t>(kernel::arg(&request_.wanted_pid));
    arguments_.set_tid_size = 1;
  }

  HostPid start() const {
    kernel::CloneArguments arguments = arguments_;
    int* pidfd = request_.guard->watch_next();
    arguments.flags |= CLONE_PIDFD;
    arguments.pidfd = static_cast<uint64_t>(kernel::arg(pidfd));
    long pid = 0;
    // As in a batch: an id may come free a little late.
    for (auto end = tracee::Clock::now() + kPatience; (pid = kernel::try_clone3(arguments)) == -EEXIST;) {
      if (tracee::Clock::now() > end) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (pid == 0) be_planter(request_, offsets_, space_);
    if (pid > 0) return {static_cast<pid_t>(pid)};
    *pidfd = -1;  // may have been stored
    throw Error::system("start the first process of the restored tree (clone3)", static_cast<int>(-pid));
  }

  EnvelopeSetup::Failure start_planter() const override {
    long pid = ::syscall(SYS_clone3, &arguments_, sizeof(arguments_));
    if (pid == 0) be_planter(request_, offsets_, space_);
    return pid < 0 ? EnvelopeSetup::Failure{"clone3", errno} : EnvelopeSetup::Failure{};
  }

 private:
  const PlanterRequest& request_;
  const tracee::SharedSpace& space_;
  std::string offsets_;
  kernel::CloneArguments arguments_{};
};

HostPid start(const PlanterRequest& request, const tracee::SharedSpace& space, Planted& planted) {
  PlanterChild child(request, space);
  if (!request.envelope.pids) return child.start();
  planted.init = std::make_unique<Init>(request.envelope, request.place, child);
  auto planter = kernel::PidNamespace::of(planted.init->pid()).find({request.wanted_pid});
  if (!planter) throw Error("the first process of the restored tree died at once");
  return *planter;
}

}  // namespace

Planted plant(const PlanterRequest& request, tracee::SharedSpace& space, size_t slot, RecordId record) {
  Planted planted;
  HostPid planter = start(request, space, planted);
  std::optional<tracee::Task> task;
  try {
    planted.clocks_problem = clocks_problem(wait_until_ready(request.our_socket));
    task = tracee::Task::seize(planter, planter, PTRACE_O_EXITKILL);
    if (!task || task->wait_until_stopped(tracee::Clock::now() + kPatience) != tracee::Task::Arrival::kStopped) {
      throw Error("the first process of the restored tree died at once");
    }
  } catch (const Error&) {
    kernel::kill(planter, SIGKILL);
    throw;
  }
  planted.task = std::make_unique<RestoredTask>(record, std::move(*task), space, slot);
  strip(*planted.task, space);
  return planted;
}

}  // namespace cairn::engine
