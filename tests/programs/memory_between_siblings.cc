// mmap(2): anonymous shared memory that only two siblings still have; their parent has let it go.
// modes: not user, namespaces (only root of the host may open the nameless files behind mappings, /proc/PID/map_files)
#include <sys/mman.h>

#include "program.h"

int main() {
  auto* words = must(static_cast<std::atomic<uint64_t>*>(
                         mmap(nullptr, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)),
                     "mmap");
  words[1000] = 0x5555'0000'0000'0001;
  const pid_t first = child_in(SYS_openat, [&] {
    wait_for_go();
    words[0] = words[1000] + 1;
  });
  const pid_t second = child_in(SYS_openat, [&] {
    wait_for_go();
    while (words[0] == 0) sleep_ms(5);
    check_equal(words[0].load(), 0x5555'0000'0000'0002, "what the sibling wrote");
  });
  munmap(reinterpret_cast<void*>(words), 1 << 16);
  ready_and_wait();
  check_exit(first);
  check_exit(second);
  pass();
}
