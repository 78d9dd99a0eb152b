// sigaction(2): handler, flags, mask and restorer of every signal, those of real-time too.
#include <signal.h>

#include "program.h"

struct KernelAction {  // what rt_sigaction takes; the C library hides the restorer
  void* handler;
  unsigned long flags;
  void* restorer;
  uint64_t mask;
  bool operator==(const KernelAction&) const = default;
};

static KernelAction action_of(int number) {
  KernelAction action{};
  must(syscall(SYS_rt_sigaction, number, nullptr, &action, 8), "rt_sigaction");
  return action;
}

static volatile int last;

int main() {
  for (int number = 1; number <= 64; number++) {
    if (number == SIGKILL || number == SIGSTOP || number == 32 || number == 33) continue;
    struct sigaction action {};
    action.sa_handler = number % 5 == 0 ? SIG_IGN : [](int got) { last = got; };
    action.sa_flags = number % 2 ? SA_RESTART | SA_NODEFER : SA_ONSTACK | SA_NOCLDWAIT | SA_NOCLDSTOP;
    sigaddset(&action.sa_mask, 65 - number);
    if (number % 7) must(sigaction(number, &action, nullptr), "sigaction");
  }
  KernelAction before[65];
  for (int number = 1; number <= 64; number++) before[number] = action_of(number);
  ready_and_wait();
  for (int number = 1; number <= 64; number++) check(action_of(number) == before[number], "action of %d", number);
  raise(64);
  check_equal(last, 64, "signal that the handler saw");
  pass();
}
