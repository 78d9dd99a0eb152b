// mmap(2): private mapping of a file: copied pages keep what was written, the others still follow the file.
#include <sys/mman.h>

#include "program.h"

int main() {
  const int fd = must(open("mapped", O_RDWR | O_CREAT, 0600), "open");
  std::string text(8 * 4096, 'f');
  must(write(fd, text.data(), text.size()), "write");
  char* map = must(static_cast<char*>(mmap(nullptr, 6 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096)), "mmap");
  map[4096] = 'p';
  map[3 * 4096] = 'f';  // copied, though its bytes equal the file's
  close(fd);
  ready_and_wait();
  const int again = must(open("mapped", O_RDWR), "open again");
  for (int page = 0; page < 8; page++) must(pwrite(again, "new", 3, page * 4096), "pwrite");
  check_equal(std::string(map, 3), "new", "a page that was not copied");
  check_equal(std::string(map + 4096, 3), "pff", "a page that was written to");
  check_equal(std::string(map + 3 * 4096, 3), "fff", "a page that was copied with equal bytes");
  check_equal(std::string(map + 5 * 4096, 3), "new", "the last page");
  pass();
}
