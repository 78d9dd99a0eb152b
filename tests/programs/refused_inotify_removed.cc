// refused: removed while
// inotify(7): a watch on a file that has no name any more, but is still open.
#include <sys/inotify.h>

#include "program.h"

int main() {
  const int fd = must(inotify_init1(IN_NONBLOCK), "inotify_init1");
  const int file = must(open("file", O_RDWR | O_CREAT, 0600), "open");
  must(inotify_add_watch(fd, "file", IN_MODIFY), "inotify_add_watch");
  must(unlink("file"), "unlink");
  ready_and_wait();
  must(write(file, "x", 1), "write");
  char buffer[4096];
  must(read(fd, buffer, sizeof buffer), "read");
  pass();
}
