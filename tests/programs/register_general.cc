// restless: 1 (a loop without a call)
// varies: cpu#*/rip (it goes round in its loop)
// General registers and flags: a loop that never leaves user space holds a value in each.
#include "program.h"

// `go[0]` ends the loop, and the loop sets `go[1]` when all is in place, its first comparison too.
static uint64_t spin(volatile int* go, uint64_t* out) {
  uint64_t flags;
  asm volatile(
      "push %%rbp; push %%rbx\n"
      "movabs $0xb000000000000001, %%rax; movabs $0xb000000000000002, %%rbx; movabs $0xb000000000000003, %%rcx\n"
      "movabs $0xb000000000000004, %%rdx; movabs $0xb000000000000005, %%rbp; movabs $0xb000000000000006, %%r8\n"
      "movabs $0xb000000000000007, %%r9; movabs $0xb000000000000008, %%r10; movabs $0xb000000000000009, %%r11\n"
      "movabs $0xb00000000000000a, %%r12; movabs $0xb00000000000000b, %%r13; movabs $0xb00000000000000c, %%r14\n"
      "movabs $0xb00000000000000d, %%r15\n"
      "std\n"
      "cmpl $0, (%%rsi); movl $1, 4(%%rsi)\n"
      "1: pause; cmpl $0, (%%rsi); je 1b\n"
      "mov %%rax, 0(%%rdi); mov %%rbx, 8(%%rdi); mov %%rcx, 16(%%rdi); mov %%rdx, 24(%%rdi); mov %%rbp, 32(%%rdi)\n"
      "mov %%r8, 40(%%rdi); mov %%r9, 48(%%rdi); mov %%r10, 56(%%rdi); mov %%r11, 64(%%rdi); mov %%r12, 72(%%rdi)\n"
      "mov %%r13, 80(%%rdi); mov %%r14, 88(%%rdi); mov %%r15, 96(%%rdi)\n"
      "pop %%rbx; pop %%rbp\n"
      "pushf; pop %0; cld\n"
      : "=a"(flags)
      : "S"(go), "D"(out)
      : "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory");
  return flags;
}

int main() {
  volatile int go[2] = {};
  uint64_t out[13] = {}, flags = 0;
  std::thread spinner([&] { flags = spin(go, out); });
  while (go[1] == 0) sleep_ms(1);
  ready_and_wait();
  go[0] = 1;
  spinner.join();
  for (uint64_t i = 0; i < 13; i++) check_equal(out[i], 0xb000'0000'0000'0001 + i, "a register");
  check(flags & 0x400, "the direction flag is lost: %#lx", flags);
  pass();
}
