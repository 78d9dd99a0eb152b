// open(2) O_NOFOLLOW, as mkstemp(3) of some libraries and Python's tempfile have it: it stays in the flags of a file
// that has lost its name.
#include "program.h"

static int make(const char* name, const char* content) {
  const int fd = must(open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), "open");
  must(write(fd, content, strlen(content)), "write");
  return fd;
}

static void check_file(int fd, const char* expected) {
  char text[32] = {};
  must(pread(fd, text, sizeof text - 1, 0), "pread");
  check_equal(text, expected, "content");
  check_equal(must(fcntl(fd, F_GETFL), "F_GETFL") & O_NOFOLLOW, O_NOFOLLOW, "O_NOFOLLOW");
}

int main() {
  const int free = make("free", "its name is free");
  const int other = must(open("free", O_RDONLY | O_NOFOLLOW), "open again");
  must(unlink("free"), "unlink");
  ready_and_wait();
  check_file(free, "its name is free");
  check_file(other, "its name is free");
  must(pwrite(free, "Its", 3, 0), "pwrite");
  check_file(other, "Its name is free");
  check_equal(access("free", F_OK), -1, "a name in the directory");
  pass();
}
