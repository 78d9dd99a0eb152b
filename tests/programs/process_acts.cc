// A process that forks, execs itself and ends when signals tell it to, and still does after a restore.
// The sweeps of tests/faults let it do so while cairn is at work.
#include <signal.h>

#include "program.h"

static void fork_one(int) {
  if (fork() == 0) {
    wait_for_go();
    _exit(0);
  }
  tell("fork\n");
}

static void exec_self(int) {
  tell("exec\n");
  char* const argv[] = {(char*)"again", nullptr};
  execv("/proc/self/exe", argv);
  fail("exec: %s", strerror(errno));
}

static void end(int) {
  tell("exit\n");
  _exit(0);
}

int main(int, char** argv) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);  // exec came out of a handler
  signal(SIGUSR1, fork_one);
  signal(SIGUSR2, exec_self);
  signal(SIGHUP, end);
  const bool again = argv[0] == std::string_view("again");
  if (!again) ready();
  wait_for_go();
  if (again) pass();
  must(raise(SIGUSR1), "raise");
  int status = 0;
  must(wait(&status), "wait");
  check_equal(status, 0, "status of the child that was forked");
  raise(SIGUSR2);
}
