// refused: unread
// pty(7): text that nobody reads.
// own: terminals
#include <stdlib.h>

#include "program.h"

int main() {
  const int master = must(posix_openpt(O_RDWR | O_NOCTTY), "posix_openpt");
  must(unlockpt(master), "unlockpt");
  const int slave = must(open(ptsname(master), O_RDWR | O_NOCTTY), "open");
  must(write(slave, "output", 6), "write");
  ready_and_wait();
  char text[16];
  check_equal(must(read(master, text, sizeof text), "read"), 6, "bytes out");
  pass();
}
