// memfd_secret(2): memory that nobody but its process can read, whoever it is.
// refused: it is secret memory \(memfd_secret\)
#include <sys/mman.h>

#include "program.h"

int main() {
  const int fd = syscall(SYS_memfd_secret, O_CLOEXEC);
  if (fd < 0) skip("no secret memory here");
  must(ftruncate(fd, 4096), "ftruncate");
  char* const memory = must(static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)), "mmap");
  memory[0] = 's';
  ready_and_wait();
  check_equal(memory[0], 's', "content");
  pass();
}
