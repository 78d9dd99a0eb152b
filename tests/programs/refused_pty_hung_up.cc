// refused: hung up
// pty(7): a slave whose master was closed.
// own: terminals
#include <stdlib.h>

#include "program.h"

int main() {
  const int master = must(posix_openpt(O_RDWR | O_NOCTTY), "posix_openpt");
  must(unlockpt(master), "unlockpt");
  const int slave = must(open(ptsname(master), O_RDWR | O_NOCTTY), "open");
  close(master);
  ready_and_wait();
  char text[16];
  check_equal(must(read(slave, text, sizeof text), "read"), 0, "bytes of a terminal that is hung up");
  pass();
}
