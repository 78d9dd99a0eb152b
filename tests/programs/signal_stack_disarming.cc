// sigaltstack(2) SS_AUTODISARM: a stack that is taken away while a handler runs on it, and comes back with its end.
#include <signal.h>

#include "program.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static int ends[2];
static stack_t in_handler;
static char memory[65536];

int main() {
  must(pipe(ends), "pipe");
  struct sigaction action {};
  action.sa_handler = [](int) {
    char byte;
    must(read(ends[0], &byte, 1), "read in the handler");
    must(sigaltstack(nullptr, &in_handler), "sigaltstack");
  };
  action.sa_flags = SA_ONSTACK;
  must(sigaction(SIGUSR1, &action, nullptr), "sigaction");
  const pid_t inside = child_in(SYS_read, [] {
    const stack_t stack{memory, static_cast<int>(SS_AUTODISARM), 65536};
    must(sigaltstack(&stack, nullptr), "sigaltstack");
    raise(SIGUSR1);
    check_equal(in_handler.ss_flags, SS_DISABLE, "flags in the handler");
    stack_t after{};
    must(sigaltstack(nullptr, &after), "sigaltstack");
    check_equal(after.ss_sp, stack.ss_sp, "stack");
    check_equal(after.ss_flags, stack.ss_flags, "its flags");
  });
  const stack_t stack{memory, static_cast<int>(SS_AUTODISARM), 32768};
  must(sigaltstack(&stack, nullptr), "sigaltstack");
  ready_and_wait();
  stack_t after{};
  must(sigaltstack(nullptr, &after), "sigaltstack");
  check_equal(after.ss_flags, stack.ss_flags, "flags");
  check_equal(after.ss_size, stack.ss_size, "size");
  must(write(ends[1], "x", 1), "write");
  check_exit(inside);
  pass();
}
