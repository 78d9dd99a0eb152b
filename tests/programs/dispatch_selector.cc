// Syscall user dispatch (prctl(2) PR_SET_SYSCALL_USER_DISPATCH): a task goes on having its calls dispatched to itself,
// with its selector and its exempt range, and another has none of it.
#include <signal.h>
#include <sys/prctl.h>
#include <ucontext.h>

#include "program.h"

// linux/prctl.h, 5.11; PR_SYS_DISPATCH_INCLUSIVE_ON 6.16.
constexpr int kSetDispatch = 59, kExclusive = 1, kInclusive = 2;
constexpr long kForeignCall = 0x1234;  // of the system that we emulate
static thread_local volatile char selector;

// What the emulator does: it lets its own calls pass, and answers.
static void emulate(int, siginfo_t* info, void* context) {
  selector = 0;
  gregset_t& registers = ((ucontext_t*)context)->uc_mcontext.gregs;
  check_equal(info->si_syscall, kForeignCall, "dispatched call");
  registers[REG_RAX] = registers[REG_RDI] * 2;
}

static long call_foreign(long argument) {
  long result = kForeignCall;
  selector = 1;
  asm volatile("syscall" : "+a"(result) : "D"(argument) : "rcx", "r11", "memory");
  selector = 0;
  return result;
}

extern "C" const char code_begin[], code_end[];
asm(".text\n.global code_begin, code_end\ncode_begin:\n  mov $0x1234, %eax\n  syscall\n  ret\ncode_end:\n");
static long call_here(long argument) {
  long result;
  selector = 1;
  asm volatile("sub $128, %%rsp\n  call code_begin\n  add $128, %%rsp"  // past the red zone
               : "=a"(result)
               : "D"(argument)
               : "rcx", "r11", "memory", "cc");
  selector = 0;
  return result;
}

int main() {
  struct sigaction action {};
  action.sa_sigaction = emulate;
  action.sa_flags = SA_SIGINFO;
  must(sigaction(SIGSYS, &action, nullptr), "sigaction");
  constexpr uint64_t kNowhere = 0x1234'5678'9000'0000;  // nothing of ours is exempt
  must(prctl(kSetDispatch, kExclusive, kNowhere, 0x7654'3210'0000'0000, &selector), "PR_SET_SYSCALL_USER_DISPATCH");
  int ends[2];
  must(pipe(ends), "pipe");
  std::thread plain = thread_in(SYS_read, [&] {
    char byte;
    must(read(ends[0], &byte, 1), "read");
    check_equal(call_foreign(21), -ENOSYS, "foreign call without dispatch");
  });
  std::thread inclusive = thread_in(SYS_read, [&] {
    const uintptr_t size = (uintptr_t)(code_end - code_begin);
    if (prctl(kSetDispatch, kInclusive, code_begin, size, &selector) < 0) check_equal(errno, EINVAL, "errno");
    const bool is_on = call_here(3) == 6;
    char byte;
    must(read(ends[0], &byte, 1), "read");
    check_equal(call_here(21), is_on ? 42 : -ENOSYS, "foreign call in the range");
    check_equal(call_foreign(21), -ENOSYS, "foreign call beside the range");
  });
  ready_and_wait();
  check_equal(call_foreign(21), 42, "foreign call");
  check_equal(call_foreign(-4), -8, "second foreign call");
  must(write(ends[1], "xx", 2), "write");
  plain.join();
  inclusive.join();
  pass();
}
