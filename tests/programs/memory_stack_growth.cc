// The main stack has its content and grows on demand below where it reached; a MAP_GROWSDOWN mapping does too.
#include <sys/mman.h>

#include "program.h"

static int use_stack(size_t bytes) {
  volatile char block[64 << 10];
  block[0] = 1;
  block[sizeof block - 1] = 1;
  return bytes <= sizeof block ? block[0] : use_stack(bytes - sizeof block) + block[1] * 0;
}

int main() {
  volatile char marker[32 << 10];
  for (size_t i = 0; i < sizeof marker; i++) marker[i] = char(i % 127);
  char* room = must(static_cast<char*>(mmap(nullptr, 4 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), "mmap");
  munmap(room, 4 << 20);
  char* down = must(static_cast<char*>(mmap(room + (3 << 20), 8192, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0)),
                    "mmap");
  down[0] = 'd';
  ready_and_wait();
  for (size_t i = 0; i < sizeof marker; i++) check_equal(marker[i], char(i % 127), "a byte of the stack");
  use_stack(4 << 20);
  for (int page = 1; page < 50; page++) down[-4096 * page] = 'e';
  check_equal(down[0], 'd', "content of the growing mapping");
  pass();
}
