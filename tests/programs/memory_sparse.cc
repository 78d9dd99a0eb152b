// mmap(2): 64 GiB of reserved address space with a thousand pages in use.
#include <sys/mman.h>

#include "program.h"

int main() {
  constexpr size_t kSize = size_t{64} << 30, kStep = kSize / 1000 & ~size_t{4095};
  char* area = must(static_cast<char*>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)),
                    "mmap");
  must(madvise(area, kSize, MADV_NOHUGEPAGE), "MADV_NOHUGEPAGE");
  for (size_t i = 0; i < 1000; i++) memcpy(area + i * kStep, &i, sizeof i);
  ready_and_wait();
  for (size_t i = 0; i < 1000; i++) {
    size_t value;
    memcpy(&value, area + i * kStep, sizeof value);
    check_equal(value, i, "a page");
  }
  unsigned char resident[64];
  must(mincore(area + kStep / 2 / 4096 * 4096, 64 * 4096, resident), "mincore");
  for (unsigned char page : resident) check((page & 1) == 0, "a page that was never touched is in memory");
  pass();
}
