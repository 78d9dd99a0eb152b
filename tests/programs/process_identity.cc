// /proc/PID/{cmdline,environ,comm,exe}: what the process says of itself, after it has changed all of it.
#include <sys/prctl.h>

#include "program.h"

int main(int argc, char** argv) {
  if (argc == 1) {
    setenv("A_VARIABLE", "with a value", 1);
    execl("/proc/self/exe", "a name", "", "an argument with\nlines", nullptr);
    fail("execl: %s", strerror(errno));
  }
  argv[0][0] = 'A';
  must(prctl(PR_SET_NAME, "with (a) space"), "PR_SET_NAME");
  char exe[4096] = {};
  must(readlink("/proc/self/exe", exe, sizeof exe - 1), "readlink");
  ready_and_wait();
  const auto text = [](const char* file) { return read_file(std::string("/proc/self/") + file); };
  check_equal(text("cmdline"), std::string("A name\0\0an argument with\nlines", 30) + '\0', "cmdline");
  check(text("environ").find("A_VARIABLE=with a value") != std::string::npos, "environ");
  check_equal(text("comm"), "with (a) space\n", "comm");
  char exe_now[4096] = {};
  must(readlink("/proc/self/exe", exe_now, sizeof exe_now - 1), "readlink");
  check_equal(exe_now, exe, "exe");
  check_equal(getenv("A_VARIABLE"), "with a value", "getenv");
  pass();
}
