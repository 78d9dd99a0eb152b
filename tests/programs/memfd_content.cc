// memfd_create(2): name, content, size, holes, position and mode of a memory file.
#include <sys/mman.h>
#include <sys/stat.h>

#include "program.h"

int main() {
  const int fd = must(memfd_create("a name (deleted)", MFD_CLOEXEC), "memfd_create");
  must(ftruncate(fd, 0x1'0000'3000), "ftruncate");
  must(pwrite(fd, "high", 4, 0x1'0000'2ffc), "pwrite");
  must(write(fd, "low", 3), "write");
  must(fchmod(fd, 0705), "fchmod");
  ready_and_wait();
  check_equal(lseek(fd, 0, SEEK_CUR), 3, "position");
  struct stat status;
  must(fstat(fd, &status), "fstat");
  check_equal(status.st_size, 0x1'0000'3000, "size");
  check_equal(status.st_mode, S_IFREG | 0705u, "mode");
  check(status.st_blocks <= 32, "the hole has become %ld blocks", long(status.st_blocks));
  char text[8] = {};
  must(pread(fd, text, 4, 0x1'0000'2ffc), "pread");
  check_equal(text, "high", "content at the end");
  pass();
}
