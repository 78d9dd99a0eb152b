// /proc/PID/oom_score_adj, /proc/PID/coredump_filter and personality(2).
#include <sys/personality.h>

#include "program.h"

constexpr unsigned long kPersonality = 0x0600000;  // ADDR_COMPAT_LAYOUT | READ_IMPLIES_EXEC of plain Linux

static void write_file(const char* name, const char* text) {
  const int fd = must(open(name, O_WRONLY), name);
  must(write(fd, text, strlen(text)), name);
  close(fd);
}

int main() {
  write_file("/proc/self/oom_score_adj", "777");
  write_file("/proc/self/coredump_filter", "0x1a5");
  must(personality(kPersonality), "personality");
  ready_and_wait();
  check_equal(read_file("/proc/self/oom_score_adj"), "777\n", "oom_score_adj");
  check_equal(read_file("/proc/self/coredump_filter"), "000001a5\n", "coredump_filter");
  check_equal(personality(0xffffffff), kPersonality, "personality");
  pass();
}
