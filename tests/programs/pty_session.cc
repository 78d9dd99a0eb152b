// tty_ioctl(4): a session with a terminal of its own, whose master the parent has: who is in the foreground, what
// Ctrl-C does, who inherits the terminal, and that the leader is told of a hang-up.
// own: terminals
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <termios.h>

#include "program.h"

static void check_terminal(const std::string& name) {
  const int terminal = must(open("/dev/tty", O_RDWR | O_NOCTTY), "open of /dev/tty");
  check_equal(must(tcgetsid(terminal), "tcgetsid"), getsid(0), "session of the terminal");
  check_equal(std::string(ttyname(STDIN_FILENO)), name, "name of the terminal");
  close(terminal);
}

static volatile sig_atomic_t interrupts = 0;

int main() {
  const int master = must(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), "posix_openpt");
  must(unlockpt(master), "unlockpt");
  const std::string name = ptsname(master);
  int started[2];
  must(pipe(started), "pipe");
  const pid_t shell = child_in(SYS_openat, [&] {
    close(master);
    must(setsid(), "setsid");
    const int slave = must(open(name.c_str(), O_RDWR), "open");  // which makes it the session's
    must(dup2(slave, STDIN_FILENO), "dup2");
    const pid_t job = child_in(SYS_openat, [&] {
      must(setpgid(0, 0), "setpgid");
      signal(SIGTTOU, SIG_IGN);
      must(tcsetpgrp(STDIN_FILENO, getpid()), "tcsetpgrp");
      struct sigaction action {};
      action.sa_handler = [](int) { interrupts = interrupts + 1; };
      action.sa_flags = SA_RESTART;
      sigaction(SIGINT, &action, nullptr);
      must(write(started[1], "x", 1), "write");
      wait_for_go();
      check_terminal(name);
      check_equal(must(tcgetpgrp(STDIN_FILENO), "tcgetpgrp"), getpid(), "group in the foreground");
      must(write(started[1], "y", 1), "write");
      for (const int64_t end = now() + 20'000'000'000; interrupts == 0; sleep_ms(1)) {
        check(now() < end, "Ctrl-C did not arrive");
      }
      must(write(started[1], "z", 1), "write");
      sleep_ms(20'000);
    });
    sigset_t hang_up;
    sigemptyset(&hang_up);
    sigaddset(&hang_up, SIGHUP);
    sigprocmask(SIG_BLOCK, &hang_up, nullptr);
    signal(SIGINT, [](int) { fail("the background was interrupted"); });
    wait_for_go();
    check_terminal(name);
    must(write(started[1], "y", 1), "write");
    const timespec patience{20, 0};
    check_equal(must(sigtimedwait(&hang_up, nullptr, &patience), "sigtimedwait"), SIGHUP, "signal of a hang-up");
    must(kill(job, SIGTERM), "kill");
    must(waitpid(job, nullptr, 0), "waitpid");
  });
  char byte;
  must(read(started[0], &byte, 1), "read");
  ready_and_wait();
  for (int looked = 0; looked < 2; ++looked) must(read(started[0], &byte, 1), "read");
  must(write(master, "\3", 1), "write");
  must(read(started[0], &byte, 1), "read");
  check_equal(byte, 'z', "what the job says after Ctrl-C");
  close(master);
  check_exit(shell);
  pass();
}
