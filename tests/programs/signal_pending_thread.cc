// tgkill(2): signals that wait for one thread stay with it; the others do not get them.
#include <pthread.h>
#include <signal.h>

#include "program.h"

int main() {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  sigaddset(&mask, SIGRTMIN + 20);
  pthread_sigmask(SIG_BLOCK, &mask, nullptr);
  int ends[2];
  must(pipe(ends), "pipe");
  const timespec zero{};
  std::thread other = thread_in(SYS_read, [&] {
    char byte;
    must(read(ends[0], &byte, 1), "read");
    siginfo_t info;
    // The C library's sigtimedwait would turn SI_TKILL into SI_USER.
    check_equal(syscall(SYS_rt_sigtimedwait, &mask, &info, &zero, 8), SIGUSR1, "the thread's first signal");
    check_equal(info.si_code, SI_TKILL, "its code");
    check_equal(sigtimedwait(&mask, &info, &zero), SIGRTMIN + 20, "the thread's second signal");
    check_equal(info.si_int, 12345, "its value");
  });
  pthread_kill(other.native_handle(), SIGUSR1);
  pthread_sigqueue(other.native_handle(), SIGRTMIN + 20, {.sival_int = 12345});
  ready_and_wait();
  check(sigtimedwait(&mask, nullptr, &zero) == -1 && errno == EAGAIN, "the main thread has got a signal");
  must(write(ends[1], "x", 1), "write");
  other.join();
  pass();
}
