// memfd_create(2): parent and child map one memory file; the child has no descriptor of it; what one writes the other
// sees.
#include <sys/mman.h>

#include "program.h"

int main() {
  const int fd = must(memfd_create("shared", 0), "memfd_create");
  must(ftruncate(fd, 1 << 20), "ftruncate");
  auto* word = must(
      static_cast<std::atomic<uint64_t>*>(mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)), "mmap");
  word[5] = 0xaaaa'bbbb'cccc'dddd;
  const pid_t other = child_in(SYS_openat, [&] {
    close(fd);
    wait_for_go();
    while (word[6] == 0) sleep_ms(2);
    check_equal(word[5].load(), 0xaaaa'bbbb'cccc'dddd, "what the child sees");
    word[7] = word[6] + 1;
  });
  ready_and_wait();
  word[6] = 0x1'0000'0001;
  check_exit(other);
  uint64_t through_descriptor = 0;
  must(pread(fd, &through_descriptor, 8, 56), "pread");
  check_equal(through_descriptor, 0x1'0000'0002, "what the child wrote");
  pass();
}
