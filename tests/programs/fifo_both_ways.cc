// fifo(7): one descriptor opened O_RDWR is its own reader and writer, in a directory that is renamed meanwhile.
// O_NOFOLLOW stays in its flags.
#include <sys/stat.h>

#include "program.h"

int main() {
  must(mkdir("old", 0755), "mkdir");
  must(mkfifo("old/queue", 0600), "mkfifo");
  const int fd = must(open("old/queue", O_RDWR | O_NONBLOCK | O_NOFOLLOW), "open");
  must(rename("old", "new"), "rename");
  must(fcntl(fd, F_SETPIPE_SZ, 256 << 10), "F_SETPIPE_SZ");
  const std::string text(100'000, 'q');
  must(write(fd, text.data(), text.size()), "write");
  ready_and_wait();
  check_equal(fcntl(fd, F_GETPIPE_SZ), 256 << 10, "size");
  std::string got(200'000, ' ');
  got.resize(must(read(fd, got.data(), got.size()), "read"));
  check(got == text, "the content has changed: %zu bytes", got.size());
  pass();
}
