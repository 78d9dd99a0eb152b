// signalfd(2): the mask with a signal of its upper half, and a queued signal with its value read through it.
#include <signal.h>
#include <sys/signalfd.h>

#include "program.h"

int main() {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  sigaddset(&mask, 64);
  must(sigprocmask(SIG_BLOCK, &mask, nullptr), "sigprocmask");
  const int fd = must(signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC), "signalfd");
  must(sigqueue(getpid(), 64, {.sival_ptr = reinterpret_cast<void*>(0x1234'5678'9abc'def0)}), "sigqueue");
  ready_and_wait();
  signalfd_siginfo info{};
  check_equal(must(read(fd, &info, sizeof info), "read"), sizeof info, "bytes read");
  check_equal(info.ssi_signo, 64u, "signal");
  check_equal(info.ssi_ptr, 0x1234'5678'9abc'def0u, "its value");
  check_equal(info.ssi_pid, uint32_t(getpid()), "its sender");
  check(read(fd, &info, sizeof info) == -1 && errno == EAGAIN, "more than one signal");
  raise(SIGUSR1);
  must(read(fd, &info, sizeof info), "read of a new one");
  check_equal(info.ssi_signo, uint32_t(SIGUSR1), "a new signal");
  pass();
}
