// madvise(2) MADV_HUGEPAGE: transparent huge pages keep their content, also when they are half given back.
#include <sys/mman.h>

#include "program.h"

int main() {
  constexpr size_t kHuge = 2 << 20;
  char* area = must(
      static_cast<char*>(mmap(nullptr, 9 * kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), "mmap");
  char* aligned = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(area) + kHuge - 1) & ~(kHuge - 1));
  must(madvise(aligned, 8 * kHuge, MADV_HUGEPAGE), "MADV_HUGEPAGE");
  for (size_t i = 0; i < 8 * kHuge; i += 4096) memcpy(aligned + i, &i, sizeof i);
  must(madvise(aligned + kHuge, kHuge / 2, MADV_DONTNEED), "MADV_DONTNEED");
  ready_and_wait();
  for (size_t i = 0; i < 8 * kHuge; i += 4096) {
    size_t value;
    memcpy(&value, aligned + i, sizeof value);
    const bool given_back = i >= kHuge && i < kHuge + kHuge / 2;
    check_equal(value, given_back ? 0 : i, "a page");
  }
  pass();
}
