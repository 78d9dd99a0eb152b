// rename(2): a file and its directory got other names after the open; writes go to the file, not to an old name.
#include <sys/stat.h>

#include "program.h"

int main() {
  must(mkdir("before", 0755), "mkdir");
  const int fd = must(open("before/a name with spaces\nand a line", O_WRONLY | O_CREAT, 0600), "open");
  must(rename("before/a name with spaces\nand a line", "before/other (deleted)"), "rename file");
  must(rename("before", "after"), "rename directory");
  must(write(fd, "one ", 4), "write");
  ready_and_wait();
  must(write(fd, "two", 3), "write");
  check_equal(read_file("after/other (deleted)"), "one two", "content");
  check_equal(access("before", F_OK), -1, "the old directory");
  pass();
}
