// vfork(2): the parent stands still until its child has ended; the child runs in the parent's memory.
// refused: vfork
// restless: 1 (a parent in vfork sleeps uninterruptibly)
#include "program.h"

int main() {
  int ends[2], born[2];
  must(pipe(ends), "pipe");
  must(pipe(born), "pipe");
  static volatile uint64_t common = 1;
  const pid_t parent = child([&] {
    const pid_t borrowed = vfork();
    if (borrowed == 0) {
      common = 0x1'0000'0000;
      char byte;
      const pid_t self = getpid();
      write(born[1], &self, sizeof self);
      read(ends[0], &byte, 1);
      common = common + 1;
      _exit(3);
    }
    check_equal(common, 0x1'0000'0001, "what the child has left in common memory");
    check_exit(borrowed, 3);
  });
  pid_t borrowing = 0;
  must(read(born[0], &borrowing, sizeof borrowing), "read");
  wait_until_in(borrowing, SYS_read);
  wait_until_in(parent, SYS_vfork);
  ready_and_wait();
  must(write(ends[1], "x", 1), "write");
  check_exit(parent);
  pass();
}
