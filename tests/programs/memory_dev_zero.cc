// zero(4): private mappings of /dev/zero, as programs made anonymous memory before there was MAP_ANONYMOUS.
#include <sys/mman.h>

#include "program.h"

int main() {
  const int zero = must(open("/dev/zero", O_RDONLY), "open");
  constexpr size_t kSize = 4 * 4096;
  auto* const memory =
      must(static_cast<char*>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0)), "mmap");
  close(zero);
  memory[4096] = 'w';
  ready_and_wait();
  check_equal(memory[4096], 'w', "content");
  check_equal(memory[8192], '\0', "what was never written");
  memory[8192] = 'l';
  const pid_t heir = child([&] {
    check_equal(memory[8192], 'l', "content in a child");
    memory[4096] = 'c';
  });
  check_exit(heir);
  check_equal(memory[4096], 'w', "content after a child has written");
  pass();
}
