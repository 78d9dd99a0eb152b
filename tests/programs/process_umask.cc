// umask(2): the mask of parent and child.
#include <sys/stat.h>

#include "program.h"

int main() {
  umask(0);
  const pid_t other = child_in(SYS_openat, [] {
    umask(0777);
    wait_for_go();
    check_equal(umask(0), 0777u, "mask of the child");
  });
  umask(0027);
  ready_and_wait();
  struct stat status;
  close(must(creat("made", 0777), "creat"));
  must(stat("made", &status), "stat");
  check_equal(status.st_mode & 0777, 0750u, "mode of a new file");
  check_exit(other);
  pass();
}
