// refused: inotify
// inotify(7): unread events can't be read without taking them away.
#include <sys/inotify.h>

#include "program.h"

int main() {
  const int fd = must(inotify_init1(IN_NONBLOCK), "inotify_init1");
  must(inotify_add_watch(fd, ".", IN_CREATE), "inotify_add_watch");
  close(must(creat("seen", 0600), "creat"));
  ready_and_wait();
  char buffer[4096];
  must(read(fd, buffer, sizeof buffer), "read");
  const auto* event = reinterpret_cast<const inotify_event*>(buffer);
  check_equal(event->name, "seen", "name of the first event");
  pass();
}
