// pty(7): a pair inside the tree keeps number, terminal settings, window size, locks and packet mode, and passes text
// both ways.
// own: terminals
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "program.h"

int main() {
  const int master = must(posix_openpt(O_RDWR | O_NOCTTY), "posix_openpt");
  if (grantpt(master) != 0 || unlockpt(master) != 0) fail("unlockpt: %s", strerror(errno));
  const std::string name = ptsname(master);
  const int slave = must(open(name.c_str(), O_RDWR | O_NOCTTY), "open");
  termios settings;
  must(tcgetattr(slave, &settings), "tcgetattr");
  settings.c_lflag &= ~(ICANON | ECHO);
  settings.c_cc[VMIN] = 5;
  settings.c_cc[VINTR] = 0xf1;
  must(tcsetattr(slave, TCSANOW, &settings), "tcsetattr");
  const winsize size{0x8001, 0x9002, 0xa003, 0xb004};
  must(ioctl(master, TIOCSWINSZ, &size), "TIOCSWINSZ");
  ready_and_wait();
  termios settings_now;
  winsize size_now;
  must(tcgetattr(slave, &settings_now), "tcgetattr");
  check_equal(settings_now.c_lflag, settings.c_lflag, "local modes");
  check_equal(settings_now.c_iflag, settings.c_iflag, "input modes");
  check_equal(settings_now.c_oflag, settings.c_oflag, "output modes");
  check(memcmp(settings_now.c_cc, settings.c_cc, sizeof settings.c_cc) == 0, "the control characters have changed");
  must(ioctl(slave, TIOCGWINSZ, &size_now), "TIOCGWINSZ");
  check(memcmp(&size, &size_now, sizeof size) == 0, "the window size has changed");
  check_equal(ptsname(master), name, "name");
  char text[8] = {};
  must(write(master, "input", 5), "write");
  check_equal(must(read(slave, text, sizeof text), "read"), 5, "bytes in");
  must(write(slave, "out", 3), "write");
  check_equal(must(read(master, text, sizeof text), "read"), 3, "bytes out");
  pass();
}
