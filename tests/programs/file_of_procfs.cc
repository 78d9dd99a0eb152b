// proc(5): descriptors of procfs and sysfs: one's own status, a child's directory, a file of the kernel.
// varies: p*/fd*/fdinfo/ino (a /proc of another pid namespace has other inodes)
#include <sys/stat.h>

#include "program.h"

int main() {
  const pid_t other = child_in(SYS_openat, [] { wait_for_go(); });
  const int own = must(open("/proc/self/comm", O_RDONLY), "open");
  const int directory = must(open(("/proc/" + std::to_string(other)).c_str(), O_RDONLY | O_DIRECTORY), "open");
  const int kernel = must(open("/proc/sys/kernel/ostype", O_RDONLY), "open");
  char text[64] = {};
  must(read(kernel, text, 2), "read");
  ready_and_wait();
  must(read(kernel, text + 2, 8), "read of the rest");
  check_equal(text, "Linux\n", "content");
  memset(text, 0, sizeof text);
  must(read(own, text, sizeof text), "read of comm");
  check_equal(text, "file_of_procfs\n", "comm");
  const int below = must(openat(directory, "comm", O_RDONLY), "openat");
  close(below);
  check_exit(other);
  check(openat(directory, "comm", O_RDONLY) == -1, "the directory of a dead process still has files");
  pass();
}
