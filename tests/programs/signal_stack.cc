// sigaltstack(2): the alternative stack is there, of the main thread and of another, and handlers run on it.
#include <signal.h>

#include "program.h"

static thread_local const char* handler_ran_at;

static void check_stack(const char* stack) {
  stack_t is{};
  must(sigaltstack(nullptr, &is), "sigaltstack");
  check_equal(is.ss_sp, stack, "stack");
  check_equal(is.ss_size, 65536u, "its size");
  raise(SIGUSR1);
  check(handler_ran_at > stack && handler_ran_at < stack + 65536, "the handler ran at %p", handler_ran_at);
}

static char* set_stack() {
  char* memory = static_cast<char*>(malloc(65536));
  const stack_t stack{memory, 0, 65536};
  must(sigaltstack(&stack, nullptr), "sigaltstack");
  return memory;
}

int main() {
  struct sigaction action {};
  action.sa_handler = [](int) { handler_ran_at = static_cast<char*>(__builtin_frame_address(0)); };
  action.sa_flags = SA_ONSTACK;
  must(sigaction(SIGUSR1, &action, nullptr), "sigaction");
  int ends[2];
  must(pipe(ends), "pipe");
  std::thread other = thread_in(SYS_read, [&] {
    const char* stack = set_stack();
    char byte;
    must(read(ends[0], &byte, 1), "read");
    check_stack(stack);
  });
  const char* stack = set_stack();
  ready_and_wait();
  check_stack(stack);
  must(write(ends[1], "x", 1), "write");
  other.join();
  pass();
}
