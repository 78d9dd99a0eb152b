// restless: 1 (a loop without a call)
// varies: cpu#*/rip (it goes round in its loop)
// Vector registers: a loop that never leaves user space keeps a pattern in ymm0-ymm15 (and zmm16-31 where there are
// any).
#include <immintrin.h>

#include "program.h"

__attribute__((target("avx"))) static void spin(volatile int* go, uint64_t (*out)[4]) {
  alignas(32) uint64_t pattern[16][4];
  for (uint64_t i = 0; i < 16; i++)
    for (uint64_t j = 0; j < 4; j++) pattern[i][j] = 0xa5a5'0000'0000'0000 + (i << 32) + (j << 8) + 1;
  asm volatile(
      "vmovdqa 0(%0), %%ymm0; vmovdqa 32(%0), %%ymm1; vmovdqa 64(%0), %%ymm2; vmovdqa 96(%0), %%ymm3\n"
      "vmovdqa 128(%0), %%ymm4; vmovdqa 160(%0), %%ymm5; vmovdqa 192(%0), %%ymm6; vmovdqa 224(%0), %%ymm7\n"
      "vmovdqa 256(%0), %%ymm8; vmovdqa 288(%0), %%ymm9; vmovdqa 320(%0), %%ymm10; vmovdqa 352(%0), %%ymm11\n"
      "vmovdqa 384(%0), %%ymm12; vmovdqa 416(%0), %%ymm13; vmovdqa 448(%0), %%ymm14; vmovdqa 480(%0), %%ymm15\n"
      "cmpl $0, (%1); movl $1, 4(%1)\n"
      "1: pause; cmpl $0, (%1); je 1b\n"
      "vmovdqu %%ymm0, 0(%2); vmovdqu %%ymm1, 32(%2); vmovdqu %%ymm2, 64(%2); vmovdqu %%ymm3, 96(%2)\n"
      "vmovdqu %%ymm4, 128(%2); vmovdqu %%ymm5, 160(%2); vmovdqu %%ymm6, 192(%2); vmovdqu %%ymm7, 224(%2)\n"
      "vmovdqu %%ymm8, 256(%2); vmovdqu %%ymm9, 288(%2); vmovdqu %%ymm10, 320(%2); vmovdqu %%ymm11, 352(%2)\n"
      "vmovdqu %%ymm12, 384(%2); vmovdqu %%ymm13, 416(%2); vmovdqu %%ymm14, 448(%2); vmovdqu %%ymm15, 480(%2)\n"
      :
      : "r"(pattern), "r"(go), "r"(out)
      : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
        "xmm12", "xmm13", "xmm14", "xmm15");
}

int main() {
  if (!__builtin_cpu_supports("avx")) skip("the CPU has no AVX");
  volatile int go[2] = {};  // ends the loop; all is in place
  uint64_t out[16][4] = {};
  std::thread spinner([&] { spin(go, out); });
  while (go[1] == 0) sleep_ms(1);
  ready_and_wait();
  go[0] = 1;
  spinner.join();
  for (uint64_t i = 0; i < 16; i++)
    for (uint64_t j = 0; j < 4; j++) check_equal(out[i][j], 0xa5a5'0000'0000'0000 + (i << 32) + (j << 8) + 1, "a lane");
  pass();
}
