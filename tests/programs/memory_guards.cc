// madvise(2) MADV_GUARD_INSTALL (Linux 6.13): guard pages inside a mapping still fault, their neighbours don't.
#include <sys/mman.h>

#include "program.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102  // Linux 6.13
#define MADV_GUARD_REMOVE 103
#endif

static bool readable(const char* address) {
  int ends[2];
  must(pipe(ends), "pipe");
  const bool works = write(ends[1], address, 1) == 1;
  close(ends[0]);
  close(ends[1]);
  return works;
}

int main() {
  char* area = must(
      static_cast<char*>(mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), "mmap");
  memset(area, 'g', 8 * 4096);
  if (madvise(area + 3 * 4096, 8192, MADV_GUARD_INSTALL) != 0) skip("the kernel has no guard pages");
  ready_and_wait();
  for (int page = 0; page < 8; page++) {
    const bool guarded = page == 3 || page == 4;
    check(readable(area + page * 4096) != guarded, "page %d is %sreadable", page, guarded ? "" : "not ");
    if (!guarded) check_equal(area[page * 4096], 'g', "content");
  }
  must(madvise(area + 3 * 4096, 8192, MADV_GUARD_REMOVE), "MADV_GUARD_REMOVE");
  check_equal(area[3 * 4096], 0, "a page whose guard is gone");
  pass();
}
