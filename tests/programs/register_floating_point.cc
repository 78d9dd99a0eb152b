// x87 and SSE control: rounding modes, exception masks, MXCSR and the x87 stack of a thread that sleeps in a call.
#include <immintrin.h>

#include "program.h"

int main() {
  int ends[2];
  must(pipe(ends), "pipe");
  std::thread other = thread_in(SYS_read, [&] {
    const uint16_t control = 0x0c7f;  // round toward zero, 24 bits
    uint16_t control_after = 0;
    double top = 0;
    char byte;
    long result = SYS_read;
    _mm_setcsr(0xffa0);  // flush to zero, round toward zero, denormals are zero, all masked, precision was lost
    asm volatile(
        "fldcw %[control]; fldpi; fld1\n"
        "syscall\n"
        "fnstcw %[after]; faddp; fstpl %[top]; fninit\n"
        : "+a"(result), [after] "=m"(control_after), [top] "=m"(top)
        : "D"(ends[0]), "S"(&byte), "d"(1), [control] "m"(control)
        : "rcx", "r11", "memory");
    const unsigned mxcsr = _mm_getcsr();
    check_equal(result, 1, "bytes");
    check_equal(mxcsr & 0xffff, 0xffa0u, "MXCSR");
    check_equal(control_after, 0x0c7f, "x87 control word");
    check(top > 4.1415 && top < 4.1416, "the x87 stack held %f", top);
  });
  ready_and_wait();
  must(write(ends[1], "x", 1), "write");
  other.join();
  check_equal(_mm_getcsr() & 0xffc0, 0x1f80u, "MXCSR of the main thread");
  pass();
}
