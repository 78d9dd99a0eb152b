// Threads: thread-local variables, stacks and errno of several threads that sleep in different places.
#include <vector>

#include "program.h"

static thread_local uint64_t own[2] = {1, 2};

int main() {
  std::vector<std::thread> threads;
  int ends[2];
  must(pipe(ends), "pipe");
  for (uint64_t i = 1; i <= 5; i++) {
    threads.push_back(thread_in(SYS_read, [&, i] {
      own[0] = i << 40;
      uint64_t on_stack[500];
      for (uint64_t& word : on_stack) word = own[0] + 1;
      const uint64_t* address = own;
      char byte;
      errno = int(i);
      check_equal(read(ends[0], &byte, 1), 1, "bytes");
      check_equal(errno, int(i), "errno");
      check_equal(own, address, "address of the variable");
      check_equal(own[0], i << 40, "the variable");
      for (uint64_t word : on_stack) check_equal(word, own[0] + 1, "a word of the stack");
    }));
  }
  ready_and_wait();
  check_equal(own[1], 2u, "the main thread's variable");
  must(write(ends[1], "12345", 5), "write");
  for (std::thread& thread : threads) thread.join();
  pass();
}
