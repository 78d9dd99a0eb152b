// refused: shares its working directory
// clone(2) with CLONE_PARENT and CLONE_FS: two siblings have a directory in common that their parent hasn't.
#include <signal.h>
#include <sys/stat.h>

#include "program.h"

int main() {
  must(mkdir("below", 0755), "mkdir");
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t first = child([&] {
    const long second = must(syscall(SYS_clone, CLONE_PARENT | CLONE_FS, 0, 0, 0, 0), "clone");
    if (second == 0) {
      must(chdir("below"), "chdir");
      must(write(ends[1], "x", 1), "write");
      wait_for_go();
      _exit(0);
    }
    must(write(ends[1], "x", 1), "write");
    wait_for_go();
    check(read_file("here") == "below", "the sibling's chdir did not reach us");
  });
  close(must(open("below/here", O_WRONLY | O_CREAT, 0644), "open"));
  const int file = must(open("below/here", O_WRONLY), "open");
  must(write(file, "below", 5), "write");
  char byte;
  for (int i = 0; i < 2; i++) must(read(ends[0], &byte, 1), "read");
  ready_and_wait();
  check_exit(first);
  must(waitpid(-1, nullptr, 0), "waitpid");
  pass();
}
