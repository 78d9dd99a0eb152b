// clone3(2): its arguments as the kernel takes them, for cairn's own calls and for batches, and the flags that glibc's
// <sched.h> of 2.36 lacks.
#pragma once

#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "kernel/seam.h"

namespace cairn::kernel {

// struct clone_args, Linux 5.3; set_tid since 5.5, cgroup since 5.7.
struct CloneArguments {
  uint64_t flags = 0;
  uint64_t pidfd = 0;       // where the pidfd is stored, for CLONE_PIDFD
  uint64_t child_tid = 0;   // CLONE_CHILD_SETTID and CLONE_CHILD_CLEARTID
  uint64_t parent_tid = 0;  // CLONE_PARENT_SETTID
  uint64_t exit_signal = 0;
  uint64_t stack = 0;  // the lowest address
  uint64_t stack_size = 0;
  uint64_t tls = 0;           // CLONE_SETTLS
  uint64_t set_tid = 0;       // an array of pid_t, the innermost pid namespace first
  uint64_t set_tid_size = 0;  // its length, at most kMaxSetTid
  uint64_t cgroup = 0;        // the descriptor for CLONE_INTO_CGROUP
};
static_assert(sizeof(CloneArguments) == 88);

inline constexpr uint64_t kMaxSetTid = 32;                  // MAX_PID_NS_LEVEL
inline constexpr uint64_t kCloneNewTime = 0x80;             // CLONE_NEWTIME, 5.6; clone3 and unshare only
inline constexpr uint64_t kCloneClearSighand = 1ull << 32;  // CLONE_CLEAR_SIGHAND, 5.5; clone3 only
inline constexpr uint64_t kCloneIntoCgroup = 1ull << 33;    // CLONE_INTO_CGROUP, 5.7; clone3 only

// Returns the child's id, 0 in the child, or a negative errno value. Like fork(2) without the handlers of
// pthread_atfork(3): not with CLONE_VM, which needs a stack of its own.
inline long try_clone3(const CloneArguments& arguments) {
  return call("clone3", SYS_clone3, arg(&arguments), sizeof(arguments));
}

// Waits for the end of a fork of ours that nobody else is told of, past the seam.
inline void reap(pid_t child) noexcept {
  while (::waitpid(child, nullptr, __WALL) < 0 && errno == EINTR) {
  }
}

// In a child that is a fork of a program with threads: plain system calls.
inline void keep_only(int descriptor) {
  if (descriptor > 0) ::syscall(SYS_close_range, 0, descriptor - 1, 0);
  ::syscall(SYS_close_range, descriptor + 1, ~0U, 0);
}

}  // namespace cairn::kernel
