// rt_sigtimedwait(2), pause(2), signalfd read: waits for a signal that comes later.
#include <signal.h>
#include <sys/signalfd.h>

#include "program.h"

int main() {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  sigprocmask(SIG_BLOCK, &mask, nullptr);
  signal(SIGUSR2, [](int) {});
  const pid_t waiting = child_in(SYS_rt_sigtimedwait, [&] {
    siginfo_t info;
    check_equal(must(sigwaitinfo(&mask, &info), "sigwaitinfo"), SIGUSR1, "signal");
    check_equal(info.si_pid, getppid(), "its sender");
  });
  const pid_t pausing = child_in(SYS_pause, [] { check(pause() == -1 && errno == EINTR, "pause: errno %d", errno); });
  const pid_t reading = child_in(SYS_read, [&] {
    signalfd_siginfo info{};
    check_equal(must(read(signalfd(-1, &mask, 0), &info, sizeof info), "read"), sizeof info, "bytes");
    check_equal(info.ssi_signo, uint32_t(SIGUSR1), "signal of signalfd");
  });
  ready_and_wait();
  must(kill(waiting, SIGUSR1), "kill");
  must(kill(pausing, SIGUSR2), "kill");
  must(kill(reading, SIGUSR1), "kill");
  check_exit(waiting);
  check_exit(pausing);
  check_exit(reading);
  pass();
}
