// mmap(2): 3000 mappings of changing rights, each with a page of its own content.
#include <sys/mman.h>

#include "program.h"

int main() {
  constexpr size_t kMappings = 3000;
  char* area = must(static_cast<char*>(mmap(nullptr, kMappings * 2 * 4096, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
                    "mmap");
  for (size_t i = 0; i < kMappings; i++) {
    memcpy(area + i * 8192, &i, sizeof i);
    must(mprotect(area + i * 8192, 4096, PROT_READ), "mprotect");
  }
  ready_and_wait();
  for (size_t i = 0; i < kMappings; i++) {
    size_t number;
    memcpy(&number, area + i * 8192, sizeof number);
    check_equal(number, i, "number of a mapping");
    area[i * 8192 + 4096] = 1;
  }
  pass();
}
