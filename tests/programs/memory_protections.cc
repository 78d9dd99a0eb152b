// mprotect(2): a hole of PROT_NONE with content behind it, read-only pages that were written, code made at run time.
#include <sys/mman.h>
#include <sys/uio.h>

#include "program.h"

static bool readable(void* address) {
  char byte;
  iovec local{&byte, 1};
  int ends[2];
  must(pipe(ends), "pipe");
  local = {address, 1};
  const bool works = writev(ends[1], &local, 1) == 1;
  close(ends[0]);
  close(ends[1]);
  return works;
}

static bool writable(void* address) {
  const int zero = must(open("/dev/zero", O_RDONLY), "open");
  const bool works = read(zero, address, 1) == 1;
  close(zero);
  return works;
}

int main() {
  char* area = must(
      static_cast<char*>(mmap(nullptr, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), "mmap");
  memset(area, 'm', 16 * 4096);
  const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};  // mov $42, %eax; ret
  memcpy(area + 8 * 4096, code, sizeof code);
  must(mprotect(area + 2 * 4096, 4096, PROT_NONE), "mprotect none");
  must(mprotect(area + 5 * 4096, 4096, PROT_READ), "mprotect read");
  must(mprotect(area + 8 * 4096, 4096, PROT_READ | PROT_EXEC), "mprotect exec");
  ready_and_wait();
  check(!readable(area + 2 * 4096) && readable(area + 3 * 4096), "the hole can be read");
  check(!writable(area + 5 * 4096) && readable(area + 5 * 4096), "the read-only page can be written");
  check(!writable(area + 8 * 4096), "the code can be written");
  check_equal(reinterpret_cast<int (*)()>(area + 8 * 4096)(), 42, "what the code gives");
  must(mprotect(area + 2 * 4096, 4096, PROT_READ | PROT_WRITE), "mprotect back");
  for (int page : {2, 5, 15}) check_equal(area[page * 4096 + 7], 'm', "content");
  pass();
}
