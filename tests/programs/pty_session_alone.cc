// tty_ioctl(4): the leader of a session, without children, has a terminal whose master its parent has, as under
// tmux(1), screen(1) and forkpty(3): the terminal is still its session's.
// own: terminals
#include <signal.h>
#include <termios.h>

#include "program.h"

static volatile sig_atomic_t interrupts = 0;

int main() {
  const int master = must(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), "posix_openpt");
  must(unlockpt(master), "unlockpt");
  const std::string name = ptsname(master);
  int told[2];
  must(pipe(told), "pipe");
  const pid_t leader = child_in(SYS_openat, [&] {
    close(master);
    must(setsid(), "setsid");
    const int slave = must(open(name.c_str(), O_RDWR), "open");  // which makes it the session's
    for (int standard = 0; standard < 3; ++standard) must(dup2(slave, standard), "dup2");
    if (slave > 2) close(slave);
    struct sigaction action {};
    action.sa_handler = [](int) { interrupts = interrupts + 1; };
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, nullptr);
    wait_for_go();
    const int terminal = must(open("/dev/tty", O_RDWR | O_NOCTTY), "open of /dev/tty");
    check_equal(must(tcgetsid(terminal), "tcgetsid"), getpid(), "session of the terminal");
    check_equal(must(tcgetpgrp(terminal), "tcgetpgrp"), getpid(), "group in the foreground");
    must(write(told[1], "x", 1), "write");
    for (const int64_t end = now() + 20 * kSecond; interrupts == 0; sleep_ms(1)) {
      check(now() < end, "Ctrl-C did not arrive");
    }
  });
  ready_and_wait();
  char byte;
  must(read(told[0], &byte, 1), "read");
  must(write(master, "\3", 1), "write");
  check_exit(leader);
  pass();
}
