// inotify(7): unread events; a checkpoint waits until the program has read them.
// varies: */unread (what is read later)
// varies: */syscall (the reader sleeps, then waits)
#include <poll.h>
#include <sys/inotify.h>

#include "program.h"

int main() {
  const int fd = must(inotify_init1(IN_NONBLOCK), "inotify_init1");
  must(inotify_add_watch(fd, ".", IN_CREATE), "inotify_add_watch");
  close(must(creat("seen", 0600), "creat"));
  int begun[2];
  must(pipe2(begun, O_CLOEXEC), "pipe2");
  // A second process reads what is there, some time after ready.
  const pid_t reader = child([fd, begun] {
    must(write(begun[1], "x", 1), "write");
    sleep_ms(400);
    char buffer[4096];
    check(read(fd, buffer, sizeof buffer) > 0, "nothing to read: %s", strerror(errno));
    wait_for_go();
  });
  char letter;
  must(read(begun[0], &letter, 1), "read");
  ready_and_wait();
  check_exit(reader);
  pollfd item{fd, POLLIN, 0};
  check_equal(poll(&item, 1, 0), 0, "readable after the reader");
  pass();
}
