// wait4(2), waitid(2): threads that wait for children get their status, in spite of a restore in between.
#include "program.h"

int main() {
  int ends[2];
  must(pipe(ends), "pipe");
  const auto sleeper = [&](int code) {
    return child_in(SYS_read, [&, code] {
      char byte;
      read(ends[0], &byte, 1);
      _exit(code);
    });
  };
  const pid_t first = sleeper(11), second = sleeper(12);
  int status = 0;
  siginfo_t info{};
  std::thread waiter = thread_in(SYS_wait4, [&] { check_equal(waitpid(first, &status, 0), first, "waited"); });
  std::thread watcher = thread_in(SYS_waitid, [&] { must(waitid(P_PID, second, &info, WEXITED), "waitid"); });
  ready_and_wait();
  must(write(ends[1], "xx", 2), "write");
  waiter.join();
  watcher.join();
  check_equal(WEXITSTATUS(status), 11, "status of the first");
  check_equal(info.si_pid, second, "pid of the second");
  check_equal(info.si_status, 12, "status of the second");
  check(waitpid(-1, nullptr, 0) == -1 && errno == ECHILD, "there are more children");
  pass();
}
