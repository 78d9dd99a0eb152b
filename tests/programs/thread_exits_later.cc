// set_tid_address(2): when a thread ends, the kernel clears its id and wakes whoever joins, who waits already.
#include "program.h"

int main() {
  int ends[2];
  must(pipe(ends), "pipe");
  std::thread worker = thread_in(SYS_read, [&] {
    char byte;
    must(read(ends[0], &byte, 1), "read");
  });
  bool joined = false;
  std::thread joiner = thread_in(SYS_futex, [&] {
    worker.join();
    joined = true;
  });
  ready_and_wait();
  must(write(ends[1], "x", 1), "write");
  joiner.join();
  check(joined, "not joined");
  std::thread fresh([&] { joined = false; });  // and threads can still be made
  fresh.join();
  check(!joined, "a new thread did not run");
  pass();
}
