// memfd_create(2): seals stay, on a file that has content and is mapped.
#include <sys/mman.h>

#include "program.h"

int main() {
  const int fd = must(memfd_create("sealed", MFD_ALLOW_SEALING), "memfd_create");
  must(write(fd, "forever", 7), "write");
  const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  must(fcntl(fd, F_ADD_SEALS, seals), "F_ADD_SEALS");
  const char* mapped = must(static_cast<char*>(mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, fd, 0)), "mmap");
  const int open_one = must(memfd_create("unsealed", MFD_ALLOW_SEALING), "memfd_create");
  const int closed_one = must(memfd_create("not sealable", 0), "memfd_create");
  ready_and_wait();
  check_equal(fcntl(fd, F_GET_SEALS), seals, "seals");
  check_equal(fcntl(open_one, F_GET_SEALS), 0, "seals of the unsealed");
  check_equal(fcntl(closed_one, F_GET_SEALS), F_SEAL_SEAL, "seals of the one that can't be sealed");
  check(pwrite(fd, "x", 1, 0) == -1 && errno == EPERM, "a sealed file is written to");
  check_equal(std::string(mapped, 7), "forever", "content");
  pass();
}
