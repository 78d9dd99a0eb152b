// vfork(2): the parent stands still until its child has ended; the child runs in the parent's memory.
// refused: vfork
#include "program.h"

int main() {
  int ends[2];
  must(pipe(ends), "pipe");
  static volatile uint64_t common = 1;
  const pid_t parent = child([&] {
    const pid_t borrowed = vfork();
    if (borrowed == 0) {
      common = 0x1'0000'0000;
      char byte;
      read(ends[0], &byte, 1);
      common = common + 1;
      _exit(3);
    }
    check_equal(common, 0x1'0000'0001, "what the child has left in common memory");
    check_exit(borrowed, 3);
  });
  sleep_ms(50);
  ready_and_wait();
  must(write(ends[1], "x", 1), "write");
  check_exit(parent);
  pass();
}
