// inotify(7) with an empty queue: watches keep their numbers and masks, a gap in the numbers too, and report what
// comes.
// modes: not user, namespaces (only root of the host finds a watched file that nobody has open)
#include <sys/inotify.h>
#include <sys/stat.h>

#include "program.h"

int main() {
  const int fd = must(inotify_init1(IN_NONBLOCK | IN_CLOEXEC), "inotify_init1");
  for (const char* name : {"one", "two", "three"}) must(mkdir(name, 0755), "mkdir");
  const int one = must(inotify_add_watch(fd, "one", IN_CREATE | IN_ONLYDIR), "inotify_add_watch");
  const int two = must(inotify_add_watch(fd, "two", IN_CREATE), "inotify_add_watch");
  const int three = must(inotify_add_watch(fd, "three", IN_DELETE | IN_EXCL_UNLINK), "inotify_add_watch");
  must(inotify_rm_watch(fd, two), "inotify_rm_watch");
  char buffer[4096];
  must(read(fd, buffer, sizeof buffer), "read of IN_IGNORED");
  ready_and_wait();
  for (const char* name : {"one/a", "two/b", "three/c"}) close(must(creat(name, 0600), "creat"));
  must(unlink("three/c"), "unlink");
  const ssize_t size = must(read(fd, buffer, sizeof buffer), "read");
  const auto* first = reinterpret_cast<const inotify_event*>(buffer);
  check_equal(first->wd, one, "watch of the first event");
  check_equal(first->name, "a", "name of the first event");
  const auto* second = reinterpret_cast<const inotify_event*>(buffer + sizeof *first + first->len);
  check_equal(second->wd, three, "watch of the second event");
  check_equal(second->mask, uint32_t(IN_DELETE), "mask of the second event");
  check_equal(size, ssize_t(2 * sizeof *first + first->len + second->len), "bytes of events");
  check(inotify_add_watch(fd, "two", IN_CREATE) > three, "the number of a new watch");
  pass();
}
