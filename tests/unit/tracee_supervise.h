// What the sweeps do over and over: a whole hold with batches, on a target that notices the slightest change.
#pragma once

#include <sys/syscall.h>

#include <memory>
#include <vector>

#include "tracee/batch.h"
#include "tracee_target.h"

namespace cairn::tracee::testing {

// Holds the tree and runs two rounds of batches in every task of its one process.
inline void supervise(HostPid root) {
  Hold hold = Hold::tree(root, soon());
  HeldProcess& process = hold.processes().at(0);
  InjectedSpace space(process.tasks.at(0), process.tasks.size(), process.proc.maps());
  std::vector<std::unique_ptr<Batch>> batches;
  std::vector<Batch*> all;
  for (size_t n = 0; n < process.tasks.size(); ++n) {
    batches.push_back(std::make_unique<Batch>(space, n, process.tasks[n]));
    all.push_back(batches.back().get());
  }
  for (int round = 0; round < 2; ++round) {
    for (Batch* batch : all) {
      auto stack = batch->out<stack_t>();
      batch->call(SYS_sigaltstack, 0, stack);
      for (int n = 0; n < 20; ++n) batch->call(SYS_getpid);
    }
    Batch::flush_all(all);
  }
  space.close();
  hold.release();
}

// Every register holds a value of its own, so do the extended registers and the red zone; any change is an error.
inline void spin_with_patterns(Board& board) {
  alignas(32) static uint64_t wide[4] = {0x1122334455667788, 0x99aabbccddeeff00, 0x0123456789abcdef, 42};
  board.ready = 1;
  asm volatile(
      "mov %0, %%rdi\n mov %1, %%rsi\n mov %2, %%rbp\n"
      "mov $0x101, %%rax\n mov $0x102, %%rbx\n mov $0x103, %%rcx\n mov $0x104, %%rdx\n"
      "mov $0x108, %%r8\n mov $0x109, %%r9\n mov $0x10a, %%r10\n mov $0x10b, %%r11\n"
      "mov $0x10c, %%r12\n mov $0x10d, %%r13\n mov $0x10e, %%r14\n mov $0x10f, %%r15\n"
      "vmovdqa (%%rbp), %%ymm0\n vmovdqa (%%rbp), %%ymm7\n vmovdqa (%%rbp), %%ymm15\n"
      "movq $0x777, -8(%%rsp)\n movq $0x778, -128(%%rsp)\n"
      "1: incq (%%rdi)\n"
      "cmp $0x101, %%rax\n jne 2f\n cmp $0x102, %%rbx\n jne 2f\n cmp $0x103, %%rcx\n jne 2f\n"
      "cmp $0x104, %%rdx\n jne 2f\n cmp $0x108, %%r8\n jne 2f\n cmp $0x109, %%r9\n jne 2f\n"
      "cmp $0x10a, %%r10\n jne 2f\n cmp $0x10b, %%r11\n jne 2f\n cmp $0x10c, %%r12\n jne 2f\n"
      "cmp $0x10d, %%r13\n jne 2f\n cmp $0x10e, %%r14\n jne 2f\n cmp $0x10f, %%r15\n jne 2f\n"
      "vpxor (%%rbp), %%ymm0, %%ymm1\n vptest %%ymm1, %%ymm1\n jnz 2f\n"
      "vpxor (%%rbp), %%ymm7, %%ymm1\n vptest %%ymm1, %%ymm1\n jnz 2f\n"
      "vpxor (%%rbp), %%ymm15, %%ymm1\n vptest %%ymm1, %%ymm1\n jnz 2f\n"
      "cmpq $0x777, -8(%%rsp)\n jne 2f\n cmpq $0x778, -128(%%rsp)\n jne 2f\n"
      "jmp 1b\n"
      "2: movq $1, (%%rsi)\n jmp 1b\n" ::"r"(&board.count),
      "r"(&board.error), "r"(wide)
      : "memory");
}

}  // namespace cairn::tracee::testing
