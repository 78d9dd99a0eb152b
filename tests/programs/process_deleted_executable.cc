// unlink(2) of a running program: its code is still there, and /proc/PID/exe still names it.
// modes: not user, namespaces (only root of the host may open the nameless files behind mappings, /proc/PID/map_files)
#include "program.h"

int main(int argc, char**) {
  if (argc == 1) {
    const int from = must(open("/proc/self/exe", O_RDONLY), "open"),
              to = must(open("copy", O_WRONLY | O_CREAT, 0755), "open");
    char buffer[65536];
    for (ssize_t n; (n = must(read(from, buffer, sizeof buffer), "read")) > 0;) must(write(to, buffer, n), "write");
    close(from);
    close(to);
    execl("copy", "copy", "again", nullptr);
    fail("execl: %s", strerror(errno));
  }
  must(unlink("copy"), "unlink");
  ready_and_wait();
  char exe[4096] = {};
  must(readlink("/proc/self/exe", exe, sizeof exe - 1), "readlink");
  check(std::string_view(exe).ends_with("/copy (deleted)"), "exe is %s", exe);
  const int self = must(open("/proc/self/exe", O_RDONLY), "open of exe");
  char magic[4];
  must(read(self, magic, 4), "read");
  check(memcmp(magic, "\177ELF", 4) == 0, "the executable has other content");
  pass();
}
