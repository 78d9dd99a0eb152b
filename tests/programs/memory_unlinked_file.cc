// mmap(2): shared and private mappings of a file without a name and without descriptor keep content and kinship.
// modes: not user, namespaces (only root of the host may open the nameless files behind mappings, /proc/PID/map_files)
#include <sys/mman.h>

#include "program.h"

int main() {
  const int fd = must(open("gone", O_RDWR | O_CREAT, 0600), "open");
  const std::string text(3 * 4096, 'u');
  must(write(fd, text.data(), text.size()), "write");
  char* shared = must(static_cast<char*>(mmap(nullptr, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)), "mmap");
  char* second = must(static_cast<char*>(mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 4096)), "mmap");
  char* copy = must(static_cast<char*>(mmap(nullptr, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0)), "mmap");
  copy[0] = 'c';
  must(unlink("gone"), "unlink");
  close(fd);
  ready_and_wait();
  shared[4096] = 'n';
  check_equal(second[0], 'n', "the second mapping");
  check_equal(second[1], 'u', "content of the file");
  check_equal(copy[0], 'c', "the copied page");
  check_equal(copy[4096], 'n', "a page that was not copied");
  pass();
}
