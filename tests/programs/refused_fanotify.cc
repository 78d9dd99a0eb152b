// refused: fanotify
// needs: root
// fanotify(7).
#include <sys/fanotify.h>

#include "program.h"

int main() {
  const int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK, O_RDONLY);
  if (fd < 0) skip("fanotify is not allowed");
  ready_and_wait();
  check(fcntl(fd, F_GETFD) != -1, "the group is gone");
  pass();
}
