// chdir(2), chroot(2): working directory, also one that was renamed; the root of a child.
// needs: root
#include <sys/stat.h>

#include "program.h"

int main() {
  must(mkdir("old", 0755), "mkdir");
  must(mkdir("jail", 0755), "mkdir");
  must(mkdir("jail/inner", 0755), "mkdir");
  close(must(creat("old/here", 0600), "creat"));
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t jailed = child_in(SYS_read, [&] {
    must(chroot("jail"), "chroot");
    must(chdir("/inner"), "chdir");
    char byte;
    must(read(ends[0], &byte, 1), "read");
    char name[256] = {};
    bool right = getcwd(name, sizeof name) && strcmp(name, "/inner") == 0 && access("/etc", F_OK) == -1;
    right = right && access("/inner", F_OK) == 0;
    _exit(right ? 0 : 1);  // the status is out of its reach
  });
  must(chdir("old"), "chdir");
  must(rename("../old", "../new"), "rename");
  ready_and_wait();
  check_equal(access("here", F_OK), 0, "the file in the working directory");
  char name[4096];
  check(getcwd(name, sizeof name) && strcmp(strrchr(name, '/'), "/new") == 0, "working directory is %s", name);
  must(write(ends[1], "x", 1), "write");
  check_exit(jailed);
  pass();
}
