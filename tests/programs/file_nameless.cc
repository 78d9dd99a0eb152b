// open(2) O_TMPFILE: a file that never had a name keeps its content and can be given one.
#include "program.h"

int main() {
  const int fd = must(open(".", O_TMPFILE | O_RDWR, 0600), "open O_TMPFILE");
  must(write(fd, "never named", 11), "write");
  ready_and_wait();
  char text[16] = {};
  must(pread(fd, text, 11, 0), "pread");
  check_equal(text, "never named", "content");
  check_equal(lseek(fd, 0, SEEK_CUR), 11, "position");
  const std::string self = "/proc/self/fd/" + std::to_string(fd);
  must(linkat(AT_FDCWD, self.c_str(), AT_FDCWD, "named", AT_SYMLINK_FOLLOW), "linkat");
  check_equal(read_file("named"), "never named", "content by the new name");
  pass();
}
