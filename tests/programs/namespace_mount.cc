// refused: namespace
// needs: root
// mount_namespaces(7): a child that sees a tmpfs of its own, with files in it, one of them open.
#include <sys/mount.h>
#include <sys/stat.h>

#include "program.h"

int main() {
  must(mkdir("point", 0755), "mkdir");
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t apart = child_in(SYS_read, [&] {
    must(unshare(CLONE_NEWNS), "unshare");
    must(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make private");
    must(mount("none", "point", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0750"), "mount");
    const int fd = must(open("point/inside", O_RDWR | O_CREAT, 0600), "open");
    must(write(fd, "in a tmpfs", 10), "write");
    char byte;
    must(read(ends[0], &byte, 1), "read");
    check_equal(read_file("point/inside"), "in a tmpfs", "content");
    check_equal(lseek(fd, 0, SEEK_CUR), 10, "position");
  });
  ready_and_wait();
  check_equal(access("point/inside", F_OK), -1, "the file seen by the parent");
  must(write(ends[1], "x", 1), "write");
  check_exit(apart);
  pass();
}
