// pipe(7): bytes in a pipe, of a size that is no power of two, and an empty pipe beside it.
#include <sys/ioctl.h>

#include "program.h"

int main() {
  int full[2], empty[2];
  must(pipe(full), "pipe");
  must(pipe2(empty, O_NONBLOCK | O_CLOEXEC), "pipe2");
  std::string text(50'001, ' ');
  for (size_t i = 0; i < text.size(); i++) text[i] = char(i * 7 + i / 251);
  must(write(full[1], text.data(), text.size()), "write");
  char first[100];
  must(read(full[0], first, sizeof first), "read of the first bytes");  // the ring's first page is half read
  ready_and_wait();
  int left = 0;
  must(ioctl(full[0], FIONREAD, &left), "FIONREAD");
  check_equal(left, 49'901, "bytes left");
  std::string got(60'000, ' ');
  got.resize(must(read(full[0], got.data(), got.size()), "read"));
  check(got == text.substr(100), "the content has changed");
  char byte;
  check(read(empty[0], &byte, 1) == -1 && errno == EAGAIN, "the empty pipe has something");
  must(write(empty[1], "y", 1), "write empty");
  check_equal(must(read(empty[0], &byte, 1), "read empty"), 1, "bytes");
  pass();
}
