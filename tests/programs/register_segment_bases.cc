// arch_prctl(2): the bases of fs and gs, the latter set by the program.
#include <asm/prctl.h>

#include "program.h"

int main() {
  static uint64_t behind_gs[4] = {0, 0, 0x1234'5678'9abc'def0, 0};
  must(syscall(SYS_arch_prctl, ARCH_SET_GS, behind_gs), "ARCH_SET_GS");
  uint64_t fs_before = 0;
  must(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs_before), "ARCH_GET_FS");
  ready_and_wait();
  uint64_t fs = 0, gs = 0, value = 0;
  must(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs), "ARCH_GET_FS");
  must(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs), "ARCH_GET_GS");
  check_equal(fs, fs_before, "base of fs");
  check_equal(gs, behind_gs, "base of gs");
  asm volatile("mov %%gs:16, %0" : "=r"(value));
  check_equal(value, 0x1234'5678'9abc'def0, "what lies behind gs");
  pass();
}
