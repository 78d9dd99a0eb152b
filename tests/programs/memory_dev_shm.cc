// shm_open(3): a file of /dev/shm mapped by parent and child; its name is gone, the memory is still one.
// modes: not user, namespaces (only root of the host may open the nameless files behind mappings, /proc/PID/map_files)
#include <sys/mman.h>

#include "program.h"

int main() {
  const std::string name = "/cairn-test-" + std::to_string(getpid());
  const int fd = must(shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600), "shm_open");
  must(ftruncate(fd, 1 << 20), "ftruncate");
  auto* words = must(
      static_cast<std::atomic<uint64_t>*>(mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)), "mmap");
  must(shm_unlink(name.c_str()), "shm_unlink");
  close(fd);
  words[100'000] = 0xfeed'0000'0000'0001;
  const pid_t other = child_in(SYS_openat, [&] {
    wait_for_go();
    while (words[0] == 0) sleep_ms(2);
    words[1] = words[100'000] + 1;
  });
  ready_and_wait();
  words[0] = 1;
  check_exit(other);
  check_equal(words[1].load(), 0xfeed'0000'0000'0002, "what the child wrote");
  pass();
}
