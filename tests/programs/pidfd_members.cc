// pidfd_open(2): descriptors of a living child, of a zombie and of the process itself.
// varies: */comm (a zombie loses its name)
// varies: */status/Name (the same)
// varies: */status/Cap* (a zombie that an ordinary user restores has died with the capabilities of its user namespace)
#include <poll.h>
#include <signal.h>

#include "program.h"

static int pidfd(pid_t pid, unsigned flags = 0) { return must(int(syscall(SYS_pidfd_open, pid, flags)), "pidfd_open"); }

int main() {
  const pid_t living = child_in(SYS_pause, [] { pause(); });
  const pid_t dead = child([] { _exit(6); });
  siginfo_t info{};
  must(waitid(P_PID, dead, &info, WEXITED | WNOWAIT), "waitid");
  const int of_living = pidfd(living), of_dead = pidfd(dead, O_NONBLOCK), of_self = pidfd(getpid());
  ready_and_wait();
  pollfd items[] = {{of_living, POLLIN, 0}, {of_dead, POLLIN, 0}, {of_self, POLLIN, 0}};
  check_equal(poll(items, 3, 0), 1, "dead ones");
  check(items[1].revents & POLLIN, "the zombie's descriptor is not ready");
  must(waitid(idtype_t(P_PIDFD), of_dead, &info, WEXITED), "waitid by descriptor");
  check_equal(info.si_status, 6, "status of the zombie");
  must(syscall(SYS_pidfd_send_signal, of_living, SIGTERM, nullptr, 0), "pidfd_send_signal");
  must(waitid(idtype_t(P_PIDFD), of_living, &info, WEXITED), "waitid by descriptor");
  check_equal(info.si_status, SIGTERM, "signal that ended the child");
  must(syscall(SYS_pidfd_send_signal, of_self, 0, nullptr, 0), "pidfd_send_signal to itself");
  pass();
}
