// pthread_sigmask(3): each thread has a mask of its own, real-time signals too; a signal goes to one that lets it in.
#include <signal.h>

#include "program.h"

static std::atomic<pid_t> handled_by = 0;

static uint64_t mask() {
  uint64_t bits = 0;
  must(syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, &bits, 8), "rt_sigprocmask");
  return bits;
}

int main() {
  signal(50, [](int) { handled_by = gettid(); });
  sigset_t all, own;
  sigfillset(&all);
  sigfillset(&own);
  sigdelset(&own, 50);
  sigdelset(&own, SIGTERM);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  const uint64_t main_mask = mask();
  pid_t tid = 0;
  std::thread other = thread_in(SYS_pause, [&] {
    tid = gettid();
    pthread_sigmask(SIG_SETMASK, &own, nullptr);
    const uint64_t before = mask();
    pause();
    check_equal(mask(), before, "mask of the thread");
  });
  ready_and_wait();
  check_equal(mask(), main_mask, "mask of the main thread");
  must(kill(getpid(), 50), "kill");
  other.join();
  check_equal(handled_by.load(), tid, "thread that handled it");
  pass();
}
