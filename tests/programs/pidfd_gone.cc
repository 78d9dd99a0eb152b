// pidfd_open(2): descriptors of children that were waited for: they are the same process still, and tell its status; in
// another process too, and beside one of a thread group's leader as a thread.
// modes: not user (what stands in for a process that is gone is no member of a new pid namespace)
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "program.h"

constexpr unsigned kThread = O_EXCL;  // PIDFD_THREAD, Linux 6.9

struct Info {  // struct pidfd_info, Linux 6.13
  uint64_t mask, cgroup;
  uint32_t ids[11];
  int32_t exit_status;
};

static int pidfd(pid_t pid, unsigned flags = 0) { return must(int(syscall(SYS_pidfd_open, pid, flags)), "pidfd_open"); }

// -1 where the kernel doesn't tell.
static int status_of(int fd) {
  Info info{};
  info.mask = 1 << 3;  // PIDFD_INFO_EXIT, Linux 6.15
  if (ioctl(fd, _IOWR(0xff, 11, Info), &info) != 0 || (info.mask & 1 << 3) == 0) return -1;
  return info.exit_status;
}

static ino_t inode_of(int fd) {
  struct stat stat;
  must(fstat(fd, &stat), "fstat");
  return stat.st_ino;
}

int main() {
  const pid_t exited = child([] { _exit(0x8f); });
  const int of_exited = pidfd(exited), once_more = pidfd(exited, O_NONBLOCK);
  check_exit(exited, 0x8f);
  const pid_t killed = child_in(SYS_pause, [] { pause(); });
  const int of_killed = pidfd(killed);
  must(kill(killed, SIGTERM), "kill");
  must(waitpid(killed, nullptr, 0), "waitpid");
  const int status = status_of(of_exited), signal = status_of(of_killed);
  const int of_self = int(syscall(SYS_pidfd_open, getpid(), kThread));
  const pid_t other = child_in(SYS_openat, [=] {
    wait_for_go();
    check_equal(status_of(of_killed), signal, "status of the killed child, seen by another");
    check(inode_of(of_exited) == inode_of(once_more), "two descriptors of a process aren't of one process");
  });
  ready_and_wait();
  pollfd items[] = {{of_exited, POLLIN, 0}, {once_more, POLLIN, 0}, {of_killed, POLLIN, 0}, {of_self, POLLIN, 0}};
  check_equal(poll(items, 4, 0), 3, "dead ones");
  check_equal(status_of(of_exited), status, "status of the child that exited");
  check_equal(status_of(once_more), status, "the same by another descriptor");
  check_equal(status_of(of_killed), signal, "status of the child that was killed");
  check(inode_of(of_exited) == inode_of(once_more), "two descriptors of a process aren't of one process");
  check(syscall(SYS_pidfd_send_signal, of_killed, 0, nullptr, 0) == -1 && errno == ESRCH, "a signal was taken");
  check((fcntl(once_more, F_GETFL) & O_NONBLOCK) != 0, "O_NONBLOCK is gone");
  if (of_self >= 0) {
    check((fcntl(of_self, F_GETFL) & kThread) != 0, "PIDFD_THREAD is gone");
    must(syscall(SYS_pidfd_send_signal, of_self, 0, nullptr, 0), "pidfd_send_signal to itself");
  }
  check_exit(other);
  pass();
}
