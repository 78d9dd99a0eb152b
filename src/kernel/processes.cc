// The process part of calls.h.
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/calls.h"
#include "kernel/constants.h"
#include "kernel/described_object.h"

namespace cairn::kernel {
namespace {

std::string process_name(HostPid pid) { return fmt::format("of process {}", pid.value); }

}  // namespace

OwnedFd pidfd_open(HostPid pid, unsigned flags) {
  long fd = call("pidfd_open", SYS_pidfd_open, pid.value, flags);
  if (fd < 0) fail("pidfd_open", process_name(pid), fd);
  return OwnedFd(static_cast<int>(fd));
}

std::optional<OwnedFd> try_pidfd_open(HostPid pid, unsigned flags) {
  long fd = call("pidfd_open", SYS_pidfd_open, pid.value, flags);
  if (fd == -ESRCH) return std::nullopt;
  if (fd < 0) fail("pidfd_open", process_name(pid), fd);
  return OwnedFd(static_cast<int>(fd));
}

std::optional<OwnedFd> try_pidfd_getfd(int pidfd, int fd) {
  long own = call("pidfd_getfd", SYS_pidfd_getfd, pidfd, fd, 0);
  if (own == -EBADF || own == -ESRCH) return std::nullopt;
  if (own < 0) fail("pidfd_getfd", fmt::format("of descriptor {}", fd), own);
  return OwnedFd(static_cast<int>(own));
}

int try_kcmp(HostPid a, HostPid b, int type, unsigned long index_a, unsigned long index_b) {
  return static_cast<int>(
      call("kcmp", SYS_kcmp, a.value, b.value, type, static_cast<long>(index_a), static_cast<long>(index_b)));
}

bool same_description(int a, int b) {
  long result = call("fcntl", SYS_fcntl, a, kDupfdQuery, b);
  if (result == -EINVAL) {
    HostPid self{::getpid()};
    result = try_kcmp(self, self, KCMP_FILE, static_cast<unsigned long>(a), static_cast<unsigned long>(b));
    if (result >= 0) return result == 0;
  }
  if (result < 0) fail("compare", describe_descriptor(a) + " and " + describe_descriptor(b), result);
  return result == 1;
}

ssize_t try_process_vm_readv(HostPid pid, std::span<const iovec> local, std::span<const iovec> remote) {
  return call("process_vm_readv", SYS_process_vm_readv, pid.value, arg(local.data()), static_cast<long>(local.size()),
              arg(remote.data()), static_cast<long>(remote.size()), 0);
}

ssize_t try_process_vm_writev(HostPid pid, std::span<const iovec> local, std::span<const iovec> remote) {
  return call("process_vm_writev", SYS_process_vm_writev, pid.value, arg(local.data()), static_cast<long>(local.size()),
              arg(remote.data()), static_cast<long>(remote.size()), 0);
}

bool kill(HostPid pid, int signal) {
  // 0 and negative ids mean whole groups, or everybody: never what is wanted here.
  CAIRN_ASSERT(pid.value > 0);
  long result = call("kill", SYS_kill, pid.value, signal);
  if (result == -ESRCH) return false;
  if (result < 0) fail("kill", process_name(pid), result);
  return true;
}

bool tgkill(HostPid process, HostPid thread, int signal) {
  long result = call("tgkill", SYS_tgkill, process.value, thread.value, signal);
  if (result == -ESRCH) return false;
  if (result < 0) fail("tgkill", fmt::format("of thread {} {}", thread.value, process_name(process)), result);
  return true;
}

std::optional<WaitResult> wait_for(HostPid pid, int options) {
  CAIRN_ASSERT(pid.value > 0);
  int status = 0;
  long result;
  do {
    result = call("wait4", SYS_wait4, pid.value, arg(&status), options, 0);
  } while (result == -EINTR);
  if (result == 0 || result == -ECHILD) return std::nullopt;
  if (result < 0) fail("wait", process_name(pid), result);
  return WaitResult{HostPid{static_cast<pid_t>(result)}, status};
}

int poll(std::span<pollfd> entries, std::optional<std::chrono::milliseconds> timeout) {
  using Clock = std::chrono::steady_clock;
  auto deadline = timeout ? Clock::now() + *timeout : Clock::time_point::max();
  while (true) {
    timespec rest{};
    if (timeout) {
      auto left = std::max(deadline - Clock::now(), Clock::duration::zero());
      auto seconds = std::chrono::floor<std::chrono::seconds>(left);
      rest.tv_sec = seconds.count();
      rest.tv_nsec = std::chrono::nanoseconds(left - seconds).count();
    }
    long ready = call("ppoll", SYS_ppoll, arg(entries.data()), static_cast<long>(entries.size()),
                      timeout ? arg(&rest) : 0, 0, 0);
    if (ready == -EINTR) continue;
    if (ready < 0) throw Error::system("poll", static_cast<int>(-ready));
    return static_cast<int>(ready);
  }
}

}  // namespace cairn::kernel
