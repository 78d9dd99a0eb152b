#include "engine/planter.h"

#include <linux/close_range.h>
#include <linux/rseq.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/clone.h"

namespace cairn::engine {
namespace {

using resources::RestoredTask;

constexpr uint64_t kTopOfUserSpace = 0x7ffffffff000;
constexpr auto kPatience = std::chrono::seconds(10);

// In the child. Nothing here may allocate or throw: it is a fork, and is about to lose its address space.
[[noreturn]] void be_planter(const PlanterRequest& request, const tracee::SharedSpace& space) {
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
  if (request.socket_number > 0) ::syscall(SYS_close_range, 0, request.socket_number - 1, 0);
  ::syscall(SYS_close_range, request.socket_number + 1, ~0U, 0);
  char answer = ready ? 1 : 0;
  [[maybe_unused]] ssize_t written = ::write(request.socket_number, &answer, 1);
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

}  // namespace

namespace {

// It says so when its address space and descriptors are in place.
void wait_until_ready(int socket) {
  pollfd entry{socket, POLLIN, 0};
  char answer = 0;
  if (kernel::poll({&entry, 1}, std::chrono::duration_cast<std::chrono::milliseconds>(kPatience)) == 1) {
    kernel::call("read", SYS_read, socket, kernel::arg(&answer), 1);
  }
  if (answer != 1) throw Error("the first process of the restored tree could not set up its address space");
}

}  // namespace

std::unique_ptr<RestoredTask> plant(const PlanterRequest& request, tracee::SharedSpace& space, size_t slot,
                                    RecordId record) {
  kernel::CloneArguments arguments{};
  if (request.place == PlanterPlace::kSibling) {
    arguments.flags = CLONE_PARENT;
  } else {
    arguments.exit_signal = SIGCHLD;
  }
  arguments.flags |= kernel::kCloneClearSighand;
  if (request.wanted_pid != 0) {
    arguments.set_tid = static_cast<uint64_t>(kernel::arg(&request.wanted_pid));
    arguments.set_tid_size = 1;
  }
  long pid = kernel::try_clone3(arguments);
  if (pid == 0) be_planter(request, space);
  if (pid < 0) throw Error::system("start the first process of the restored tree (clone3)", static_cast<int>(-pid));
  HostPid planter{static_cast<pid_t>(pid)};
  std::optional<tracee::Task> task;
  try {
    wait_until_ready(request.our_socket);
    task = tracee::Task::seize(planter, planter, PTRACE_O_EXITKILL);
    if (!task || task->wait_until_stopped(tracee::Clock::now() + kPatience) != tracee::Task::Arrival::kStopped) {
      throw Error("the first process of the restored tree died at once");
    }
  } catch (const Error&) {
    kernel::kill(planter, SIGKILL);
    throw;
  }
  auto restored = std::make_unique<RestoredTask>(record, std::move(*task), space, slot);
  strip(*restored, space);
  return restored;
}

}  // namespace cairn::engine
