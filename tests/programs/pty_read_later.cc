// pty(7): unread text both ways: a checkpoint waits until it has been read.
// varies: */unread (what is read later)
// varies: */syscall (the reader sleeps, then waits)
// own: terminals
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "program.h"

int main() {
  const int master = must(posix_openpt(O_RDWR | O_NOCTTY), "posix_openpt");
  must(unlockpt(master), "unlockpt");
  const int slave = must(open(ptsname(master), O_RDWR | O_NOCTTY), "open");
  termios settings;
  must(tcgetattr(slave, &settings), "tcgetattr");
  settings.c_lflag &= ~ECHO;
  must(tcsetattr(slave, TCSANOW, &settings), "tcsetattr");
  must(write(master, "input\n", 6), "write");
  must(write(slave, "output", 6), "write");
  int begun[2];
  must(pipe2(begun, O_CLOEXEC), "pipe2");
  const pid_t reader = child([=] {
    must(write(begun[1], "x", 1), "write");
    sleep_ms(600);
    char text[16];
    check_equal(must(read(slave, text, sizeof text), "read"), 6, "bytes in");
    check_equal(must(read(master, text, sizeof text), "read"), 6, "bytes out");
    wait_for_go();
  });
  char letter;
  must(read(begun[0], &letter, 1), "read");
  ready_and_wait();
  check_exit(reader);
  int unread = -1;
  must(ioctl(slave, FIONREAD, &unread), "FIONREAD");
  check_equal(unread, 0, "unread input");
  pass();
}
