// refused: namespace
// needs: root
// pid_namespaces(7): a child that is process 1 of its own namespace, and a grandchild that is process 2.
#include "program.h"

int main() {
  int ends[2];
  must(pipe(ends), "pipe");
  must(unshare(CLONE_NEWPID), "unshare");
  const pid_t init = child([&] {
    check_equal(getpid(), 1, "id of the first");
    const pid_t second = child([&] {
      must(write(ends[1], "r", 1), "write");
      wait_for_go();
      check_equal(getpid(), 2, "id of the second");
      check_equal(getppid(), 1, "its parent");
    });
    wait_for_go();
    check_equal(getpid(), 1, "id of the first afterwards");
    check_equal(getppid(), 0, "parent of the first");
    check_exit(second);
    check_equal(child([] {}), 3, "id of the next");
  });
  char byte;
  must(read(ends[0], &byte, 1), "read");
  ready_and_wait();
  check_exit(init);
  pass();
}
