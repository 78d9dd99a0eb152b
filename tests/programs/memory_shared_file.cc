// mmap(2): shared mapping of a file, twice in one process and with different rights: writes reach the file and the
// other.
#include <sys/mman.h>

#include "program.h"

int main() {
  const int fd = must(open("mapped", O_RDWR | O_CREAT, 0600), "open");
  must(ftruncate(fd, 3 * 4096), "ftruncate");
  char* writable = must(static_cast<char*>(mmap(nullptr, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)), "mmap");
  char* readable = must(static_cast<char*>(mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 8192)), "mmap");
  const int reader = must(open("mapped", O_RDONLY), "open");
  char* forbidden = must(static_cast<char*>(mmap(nullptr, 4096, PROT_READ, MAP_SHARED, reader, 0)), "mmap");
  close(fd);
  writable[8192] = 'a';
  ready_and_wait();
  check_equal(readable[0], 'a', "content");
  writable[8193] = 'b';
  check_equal(readable[1], 'b', "what was written now");
  char through_file = 0;
  must(pread(reader, &through_file, 1, 8193), "pread");
  check_equal(through_file, 'b', "what the file has");
  check(mprotect(forbidden, 4096, PROT_READ | PROT_WRITE) == -1 && errno == EACCES,
        "a read-only file becomes writable");
  must(mprotect(readable, 4096, PROT_READ | PROT_WRITE), "mprotect of the one that may");
  readable[2] = 'c';
  check_equal(writable[8194], 'c', "what was written through the second mapping");
  pass();
}
