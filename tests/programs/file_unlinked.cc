// unlink(2): a file that has lost its name keeps its content, and two descriptions of it still meet in one file.
#include <sys/stat.h>

#include "program.h"

int main() {
  const int fd = must(open("gone", O_RDWR | O_CREAT, 0640), "open"), other = must(open("gone", O_RDONLY), "open again");
  must(write(fd, "content of a nameless file", 26), "write");
  must(ftruncate(fd, 100'000), "ftruncate");
  must(fchmod(fd, 0604), "fchmod");
  must(unlink("gone"), "unlink");
  ready_and_wait();
  char text[32] = {};
  check_equal(must(read(other, text, 26), "read"), 26, "bytes");
  check_equal(text, "content of a nameless file", "content");
  struct stat status;
  must(fstat(fd, &status), "fstat");
  check_equal(status.st_size, 100'000, "size");
  check_equal(status.st_mode, S_IFREG | 0604u, "mode");
  check_equal(status.st_nlink, 0u, "links");
  must(write(fd, "!", 1), "write");
  must(read(other, text, 1), "read of what the other wrote");
  check_equal(text[0], '!', "what the other wrote");
  check_equal(access("gone", F_OK), -1, "a name in the directory");
  pass();
}
