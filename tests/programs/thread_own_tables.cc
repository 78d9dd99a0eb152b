// refused: table of its own
// unshare(2): a thread with a descriptor table and a working directory of its own beside one that shares them.
#include <sys/stat.h>

#include "program.h"

int main() {
  must(mkdir("elsewhere", 0755), "mkdir");
  const int common = must(open("/dev/null", O_RDONLY), "open");
  int ends[2];
  must(pipe(ends), "pipe");
  std::thread apart = thread_in(SYS_read, [&] {
    must(unshare(CLONE_FILES | CLONE_FS), "unshare");
    must(chdir("elsewhere"), "chdir");
    must(dup2(must(open("/dev/zero", O_RDONLY), "open"), common), "dup2");
    umask(077);
    char byte = 'x';
    must(read(ends[0], &byte, 1), "read");
    check_equal(read(common, &byte, 1), 1, "read of the thread's own descriptor");
    close(must(creat("made by the thread", 0666), "creat"));
  });
  ready_and_wait();
  char byte;
  check_equal(read(common, &byte, 1), 0, "read of the main thread's descriptor");
  must(write(ends[1], "x", 1), "write");
  apart.join();
  struct stat status;
  must(stat("elsewhere/made by the thread", &status), "stat");
  check_equal(status.st_mode & 0777, 0600u, "mode under the thread's umask");
  pass();
}
