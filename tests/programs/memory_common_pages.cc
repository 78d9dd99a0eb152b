// needs: root
// fork(2): pages that parent and child had in common before are in common afterwards: memory use doesn't double.
// Mere reading can part them: process_vm_readv pins, and since Linux 5.19 a pin unshares; /proc/PID/mem does not.
#include <sys/mman.h>

#include "program.h"

constexpr size_t kPages = 2048;

static uint64_t frame(const void* address) {
  uint64_t entry = 0;
  const int fd = must(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), "open");
  must(pread(fd, &entry, 8, reinterpret_cast<uintptr_t>(address) / 4096 * 8), "pread");
  close(fd);
  return entry & ((1ull << 55) - 1);
}

int main() {
  char* memory =
      must(static_cast<char*>(mmap(nullptr, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
           "mmap");
  for (size_t page = 0; page < kPages; page++) memset(memory + page * 4096, 1 + page % 200, 4096);
  int frames[2];
  must(pipe(frames), "pipe");
  const pid_t other = child_in(SYS_openat, [&] {
    wait_for_go();
    for (size_t page = 0; page < kPages; page++) {
      const uint64_t number = frame(memory + page * 4096);
      must(write(frames[1], &number, 8), "write");
    }
  });
  ready_and_wait();
  size_t common = 0;
  for (size_t page = 0; page < kPages; page++) {
    uint64_t number;
    must(read(frames[0], &number, 8), "read");
    common += number == frame(memory + page * 4096);
    check_equal(memory[page * 4096 + 99], char(1 + page % 200), "content");
  }
  check_exit(other);
  check_equal(common, kPages, "pages in common");
  pass();
}
