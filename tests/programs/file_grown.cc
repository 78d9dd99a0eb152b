// write(2): a file that grew and shrank while it was open keeps its size, holes and position past the end.
#include <sys/stat.h>

#include "program.h"

int main() {
  const int fd = must(open("grown", O_RDWR | O_CREAT, 0600), "open");
  const std::string block(300'000, 'g');
  must(write(fd, block.data(), block.size()), "write");
  must(ftruncate(fd, 1000), "ftruncate");
  must(lseek(fd, 500'000, SEEK_SET), "lseek");
  ready_and_wait();
  struct stat status;
  must(fstat(fd, &status), "fstat");
  check_equal(status.st_size, 1000, "size");
  must(write(fd, "end", 3), "write past the end");
  must(fstat(fd, &status), "fstat");
  check_equal(status.st_size, 500'003, "size after the write");
  char byte = 'x';
  must(pread(fd, &byte, 1, 400'000), "pread");
  check_equal(byte, 0, "a byte of the hole");
  pass();
}
