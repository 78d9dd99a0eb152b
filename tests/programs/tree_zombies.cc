// wait(2): dead children that nobody has waited for: by exit code, by signal; of a child too. All that procfs shows of
// them stays.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "program.h"

static void wait_until_dead(pid_t pid) {
  siginfo_t info;
  must(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), "waitid");
}

static int status_of(pid_t pid) {
  int status = 0;
  check_equal(must(waitpid(pid, &status, WNOHANG), "waitpid"), pid, "the zombie");
  return status;
}

int main() {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const pid_t exited = child([] {
    sigset_t set;
    sigemptyset(&set);
    for (int number : {SIGUSR1, SIGRTMIN + 20}) sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    raise(SIGUSR1);
    kill(getpid(), SIGRTMIN + 20);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGHUP, [](int) {});
    const rlimit files{77, 99};
    setrlimit(RLIMIT_NOFILE, &files);
    prctl(PR_SET_NAME, "the dead");
    _exit(0xab);
  });
  const pid_t killed = child([] { raise(SIGKILL); });
  const pid_t aborted = child([] { abort(); });
  const pid_t ended = child([] { pause(); });
  must(kill(ended, SIGKILL), "kill");
  for (pid_t pid : {exited, killed, aborted, ended}) wait_until_dead(pid);
  int ends[2];
  must(pipe(ends), "pipe");
  const pid_t mother = child([&] {
    const pid_t own = child([] { _exit(5); });
    wait_until_dead(own);
    char byte = 'r';
    must(write(ends[1], &byte, 1), "write");
    wait_for_go();
    check_equal(WEXITSTATUS(status_of(own)), 5, "code of the grandchild");
  });
  char byte;
  must(read(ends[0], &byte, 1), "read");
  ready_and_wait();
  int status = status_of(exited);
  check(WIFEXITED(status) && WEXITSTATUS(status) == 0xab, "status of the one that exited: %#x", status);
  status = status_of(killed);
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status of the one that was killed: %#x", status);
  status = status_of(aborted);
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status of the one that aborted: %#x", status);
  status = status_of(ended);
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status of the one that was ended: %#x", status);
  check_exit(mother);
  check(waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD, "a child too many");
  pass();
}
