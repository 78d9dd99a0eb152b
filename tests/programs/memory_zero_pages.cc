// mmap(2): pages full of zeros that were written, pages that were only read, pages given back: all read as zero.
#include <sys/mman.h>

#include "program.h"

int main() {
  constexpr size_t kPages = 600;
  char* memory =
      must(static_cast<char*>(mmap(nullptr, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
           "mmap");
  memset(memory, 'z', kPages * 4096);
  memset(memory, 0, 200 * 4096);
  must(madvise(memory + 200 * 4096, 200 * 4096, MADV_DONTNEED), "MADV_DONTNEED");
  volatile char sink = 0;
  for (size_t page = 200; page < 300; page++) sink = sink + memory[page * 4096];
  ready_and_wait();
  for (size_t i = 0; i < 400 * 4096; i += 512) check_equal(memory[i], 0, "a byte that was zero");
  for (size_t i = 400 * 4096; i < kPages * 4096; i += 512) check_equal(memory[i], 'z', "a byte that was not");
  must(madvise(memory + 400 * 4096, 100 * 4096, MADV_DONTNEED), "MADV_DONTNEED");
  for (size_t i = 400 * 4096; i < 500 * 4096; i += 512) check_equal(memory[i], 0, "a byte given back now");
  pass();
}
