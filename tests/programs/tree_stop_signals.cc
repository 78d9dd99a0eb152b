// SIGTSTP and SIGCONT: a child with a thread that SIGTSTP has stopped, one that was continued and whose parent hasn't
// waited for that, one that is stopped for the second time. No stop is told by SIGCHLD anew.
// varies: */shares/sysvsem (an empty list of undos stays with a process that once had a thread)
#include <signal.h>

#include <filesystem>

#include "program.h"

static void wait_for(pid_t pid, int what) {
  siginfo_t info;
  must(waitid(P_PID, pid, &info, what | WNOWAIT), "waitid");
}

// A child sends SIGCHLD on its way to sleep, after waitid(2) can tell the change.
static void wait_until_asleep(pid_t pid) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task"))
    while (read_file(task.path() / "syscall").starts_with("running")) sleep_ms(1);
}

static int end_of_play[2];

// A child with a thread that goes on after the stop. In a group of its own, which isn't orphaned: else SIGTSTP does
// nothing.
static pid_t stopped_child(int signal) {
  const pid_t pid = child([=] {
    must(setpgid(0, 0), "setpgid");
    close(end_of_play[1]);
    int ends[2];
    must(pipe(ends), "pipe");
    std::thread thread = thread_in(SYS_read, [&] {
      char byte;
      must(read(ends[0], &byte, 1), "the thread's read");
    });
    raise(signal);
    must(write(ends[1], "x", 1), "write");
    thread.join();
    char byte;
    read(end_of_play[0], &byte, 1);
  });
  wait_for(pid, WSTOPPED);
  wait_until_asleep(pid);
  return pid;
}

static int next_status(pid_t pid, int what) {
  int status = 0;
  check_equal(waitpid(pid, &status, what | WNOHANG), pid, "child that has something to tell");
  return status;
}

static void check_silent(pid_t pid) {
  int status = 0;
  check_equal(waitpid(pid, &status, WUNTRACED | WCONTINUED | WNOHANG), 0, "child that has nothing to tell");
}

int main() {
  must(pipe(end_of_play), "pipe");
  sigset_t child_signal;
  sigemptyset(&child_signal);
  sigaddset(&child_signal, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child_signal, nullptr);
  const pid_t untold = stopped_child(SIGTSTP), told = stopped_child(SIGTTIN);
  const pid_t continued = stopped_child(SIGSTOP), again = stopped_child(SIGSTOP), running = stopped_child(SIGSTOP);
  next_status(told, WUNTRACED);
  for (pid_t pid : {continued, again, running}) {
    next_status(pid, WUNTRACED);
    must(kill(pid, SIGCONT), "SIGCONT");
    wait_for(pid, WCONTINUED);
    wait_until_in(pid, SYS_read);  // its thread has ended
  }
  next_status(running, WCONTINUED);
  must(kill(again, SIGSTOP), "SIGSTOP");
  wait_for(again, WSTOPPED);
  wait_until_asleep(again);
  const timespec none{};
  while (sigtimedwait(&child_signal, nullptr, &none) > 0) {
  }
  ready_and_wait();
  check(sigtimedwait(&child_signal, nullptr, &none) == -1 && errno == EAGAIN, "SIGCHLD for what is old");
  check_silent(told);
  check_silent(running);
  int status = next_status(untold, WUNTRACED);
  check(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP, "status of the one that is untold: %#x", status);
  check(WIFCONTINUED(next_status(continued, WCONTINUED)), "the continued one isn't");
  check_silent(continued);
  status = next_status(again, WUNTRACED | WCONTINUED);
  check(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP, "status of the one that was stopped again: %#x", status);
  close(end_of_play[1]);
  for (pid_t pid : {untold, told, again}) must(kill(pid, SIGCONT), "SIGCONT");
  for (pid_t pid : {untold, told, continued, again, running}) check_exit(pid);
  pass();
}
