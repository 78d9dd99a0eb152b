// open(2): a position beyond 4 GiB in a sparse file, and reads and writes go on from there.
#include "program.h"

int main() {
  const int fd = must(open("large", O_RDWR | O_CREAT | O_EXCL, 0600), "open");
  must(pwrite(fd, "here!", 5, 0x1'2345'6789), "pwrite");
  must(lseek(fd, 0x1'2345'6789, SEEK_SET), "lseek");
  ready_and_wait();
  check_equal(lseek(fd, 0, SEEK_CUR), 0x1'2345'6789, "position");
  char text[8] = {};
  must(read(fd, text, 5), "read");
  check_equal(text, "here!", "content");
  must(write(fd, "more", 4), "write");
  check_equal(lseek(fd, 0, SEEK_CUR), 0x1'2345'6789 + 9, "position after reading and writing");
  pass();
}
