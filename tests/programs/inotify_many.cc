// inotify(7): watches on files, directories, a symbolic link itself and what the program has moved since; one-shot and
// large numbers, several instances, and none of the restore's own work is reported.
// modes: not user, namespaces (only root of the host finds a watched file that nobody has open)
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "program.h"

static int unread(int fd) {
  int bytes = -1;
  must(ioctl(fd, FIONREAD, &bytes), "FIONREAD");
  return bytes;
}

static void drain(int fd) {
  char buffer[4096];
  while (read(fd, buffer, sizeof buffer) > 0) {
  }
}

static void expect(int fd, int watch, uint32_t mask) {
  char buffer[4096];
  must(read(fd, buffer, sizeof buffer), "read of an event");
  const auto* event = reinterpret_cast<const inotify_event*>(buffer);
  check_equal(event->wd, watch, "watch of an event");
  check_equal(event->mask, mask, "mask of an event");
}

int main() {
  const int all = must(inotify_init1(IN_NONBLOCK), "inotify_init1");
  const int none = must(inotify_init1(IN_NONBLOCK), "inotify_init1");
  close(must(creat("file", 0600), "creat"));
  close(must(creat("once", 0600), "creat"));
  must(mkdir("before", 0755), "mkdir");
  must(symlink("file", "link"), "symlink");
  const int open_file = must(open("file", O_RDWR), "open");
  // Numbers are given out in a circle: use some up.
  for (int i = 0; i < 70'000; ++i) {
    const int watch = must(inotify_add_watch(all, "file", IN_MODIFY), "inotify_add_watch");
    must(inotify_rm_watch(all, watch), "inotify_rm_watch");
    if (i % 1000 == 0) drain(all);
  }
  const int here = must(inotify_add_watch(all, ".", IN_ALL_EVENTS | IN_EXCL_UNLINK), "inotify_add_watch");
  check(here > 0xffff, "a watch has the small number %d", here);
  const int link = must(inotify_add_watch(all, "link", IN_ATTRIB | IN_DONT_FOLLOW), "inotify_add_watch");
  const int file = must(inotify_add_watch(all, "file", IN_MODIFY), "inotify_add_watch");
  const int once = must(inotify_add_watch(all, "once", IN_ATTRIB | IN_ONESHOT), "inotify_add_watch");
  const int moved = must(inotify_add_watch(all, "before", IN_DELETE_SELF), "inotify_add_watch");
  must(rename("before", "after"), "rename");
  must(inotify_rm_watch(all, here), "inotify_rm_watch");
  must(inotify_add_watch(all, "/tmp", IN_DELETE_SELF), "inotify_add_watch");
  drain(all);
  const int last = must(inotify_add_watch(all, ".", IN_DELETE_SELF), "inotify_add_watch");
  drain(all);
  ready_and_wait();
  check_equal(unread(all), 0, "bytes of events after a restore");
  check_equal(unread(none), 0, "bytes of events of an instance without watches");
  must(write(open_file, "x", 1), "write");
  expect(all, file, IN_MODIFY);
  must(lchown("link", getuid(), getgid()), "lchown");
  expect(all, link, IN_ATTRIB);
  must(chmod("once", 0640), "chmod");
  drain(all);
  must(chmod("once", 0600), "chmod");
  must(inotify_rm_watch(all, last), "inotify_rm_watch");
  drain(all);
  must(chmod("once", 0640), "chmod");
  check_equal(unread(all), 0, "bytes of events of a one-shot watch that is over");
  check(inotify_rm_watch(all, once) == -1 && errno == EINVAL, "the one-shot watch is still there");
  must(rmdir("after"), "rmdir");
  expect(all, moved, IN_DELETE_SELF);
  pass();
}
