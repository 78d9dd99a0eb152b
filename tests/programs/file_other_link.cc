// unlink(2): the name by which a file was opened is gone, but the file lives on under another one.
#include "program.h"

int main() {
  const int fd = must(open("first", O_RDWR | O_CREAT, 0600), "open");
  must(write(fd, "linked", 6), "write");
  must(link("first", "second"), "link");
  must(unlink("first"), "unlink");
  ready_and_wait();
  must(pwrite(fd, "LI", 2, 0), "pwrite");
  check_equal(read_file("second"), "LInked", "content of the link that is left");
  pass();
}
