// mmap(2): anonymous shared memory of parent and child, with content; what one writes the other sees.
// modes: not user, namespaces (only root of the host may open the nameless files behind mappings, /proc/PID/map_files)
#include <sys/mman.h>

#include "program.h"

int main() {
  constexpr size_t kSize = 3 << 20;
  auto* words = must(static_cast<std::atomic<uint64_t>*>(
                         mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)),
                     "mmap");
  for (size_t i = 16; i < kSize / 8; i += 512) words[i] = ~i;
  const pid_t other = child_in(SYS_openat, [&] {
    munmap(reinterpret_cast<char*>(words) + 4096, 4096);  // the child has a hole where the parent has none
    wait_for_go();
    while (words[0] == 0) sleep_ms(2);
    words[1] = words[0] + 1;
  });
  ready_and_wait();
  for (size_t i = 16; i < kSize / 8; i += 512) check_equal(words[i].load(), ~i, "a word");
  words[0] = 0x1'0000'0000;
  check_exit(other);
  check_equal(words[1].load(), 0x1'0000'0001, "what the child wrote");
  pass();
}
