// open(2) O_NOFOLLOW: it stays in the flags of a file whose name is another file's by now.
// modes: not twice, user, namespaces (a second image tells that it has no name)
// varies: */link (without its name it is called by its inode)
// varies: */fdinfo/ino (the number of a nameless file, known by that link)
#include "program.h"

static int make(const char* content) {
  const int fd = must(open("taken", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), "open");
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
  const int fd = make("its name is taken");
  must(unlink("taken"), "unlink");
  const int other = make("the other");
  ready_and_wait();
  check_file(fd, "its name is taken");
  check_file(other, "the other");
  check_equal(read_file("taken"), "the other", "content of the file that has the name");
  pass();
}
