// What the test programs share: how they tell the harness that they are set up, wait for its `go`, and judge.
//
// A program sets something up, says ready(), is checkpointed (or not), and is let go on by the file `go`; then it
// asserts what its user would miss and ends by pass(). Any process of its tree may fail(). The harness reads the file
// `status`.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>

namespace program {

// A path in the directory of this play; it holds even when the program changes its own directory.
inline std::string in_directory(const char* name) {
  const char* directory = getenv("PROGRAM_DIRECTORY");
  return std::string(directory ? directory : ".") + "/" + name;
}

inline void tell(const std::string& line) {
  const int fd = open(in_directory("status").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0 || write(fd, line.data(), line.size()) < 0) _exit(2);
  close(fd);
}

[[noreturn, gnu::format(printf, 1, 2)]] inline void fail(const char* format, ...) {
  char reason[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reason, sizeof reason, format, arguments);
  va_end(arguments);
  tell(std::string("failed: ") + reason + "\n");
  _exit(1);
}

// This host can't run the program.
[[noreturn]] inline void skip(const char* reason) {
  tell(std::string("skipped: ") + reason + "\n");
  _exit(77);
}

[[noreturn]] inline void pass() {
  tell("ok\n");
  _exit(0);
}

[[gnu::format(printf, 2, 3)]] inline void check(bool condition, const char* format, ...) {
  if (condition) return;
  char reason[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reason, sizeof reason, format, arguments);
  va_end(arguments);
  fail("%s", reason);
}

// Compares two texts, or two numbers (pointers too) by their 64 bits.
template <class Actual, class Expected>
void check_equal(const Actual& actual, const Expected& expected, const char* what) {
  if constexpr (std::is_convertible_v<Actual, std::string_view>) {
    const std::string is(actual), should(expected);
    check(is == should, "%s is '%s', expected '%s'", what, is.c_str(), should.c_str());
  } else {
    const unsigned long long is = (unsigned long long)actual, should = (unsigned long long)expected;
    check(is == should, "%s is %lld (%#llx), expected %lld (%#llx)", what, is, is, should, should);
  }
}

// The result of a call that has to work: -1 and MAP_FAILED are failures with errno.
template <class Result>
Result must(Result result, const char* what) {
  if (result == (Result)-1) fail("%s: %s", what, strerror(errno));
  return result;
}

inline int64_t now(clockid_t clock = CLOCK_MONOTONIC) {
  timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
}

// Whether two things that run along with each other are still together: what one shows lies between what it should be
// at the other's readings before and after (between which we may have lost the CPU), give or take 200 ms.
inline void check_between(int64_t is, int64_t least, int64_t most, const char* what) {
  constexpr int64_t kSlack = 200'000'000;
  check(is >= least - kSlack && is <= most + kSlack, "%s is %ld ns, expected %ld to %ld", what, is, least, most);
}

inline void sleep_ms(long ms) {
  timespec time{ms / 1000, ms % 1000 * 1'000'000};
  nanosleep(&time, nullptr);
}

inline void ready() { tell("ready\n"); }

// What comes by itself must not come before the last checkpoint. The harness notices when it was too slow for that, and
// begins anew at a slower pace (see `deadline` in tests/README.md).
constexpr int64_t kSecond = 1'000'000'000;
inline int64_t soon() {
  const char* pace = getenv("PROGRAM_PACE");
  return 3 * kSecond * (pace ? atoi(pace) : 1);
}

// Waits in open(2) of the fifo `go` until the harness opens it too: nothing moves meanwhile, so that two looks at a
// waiting program see the same.
inline void wait_for_go() {
  int fd;
  while ((fd = open(in_directory("go").c_str(), O_RDONLY | O_CLOEXEC)) < 0) {
    if (errno != EINTR) fail("open of go: %s", strerror(errno));
  }
  close(fd);
}

inline void ready_and_wait() {
  ready();
  wait_for_go();
}

inline std::string read_file(const std::string& path) {
  std::string text;
  if (FILE* file = fopen(path.c_str(), "r")) {
    char buffer[4096];
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;) text.append(buffer, n);
    fclose(file);
  }
  return text;
}

// Waits until a task is inside a system call, by its number.
inline void wait_until_in(pid_t tid, long call) {
  const std::string path = "/proc/" + std::to_string(tid) + "/syscall";
  const std::string number = std::to_string(call) + " ";
  for (const int64_t end = now() + 50 * kSecond; read_file(path).compare(0, number.size(), number) != 0; sleep_ms(1)) {
    if (now() > end) fail("task %d never came to call %ld: %s", tid, call, read_file(path).c_str());
  }
}

// A thread that is inside the given system call when this returns.
template <class Body>
std::thread thread_in(long call, Body body) {
  std::atomic<pid_t> tid{0};
  std::thread thread([&tid, body]() mutable {
    tid = gettid();
    body();
  });
  while (tid == 0) sleep_ms(1);
  wait_until_in(tid, call);
  return thread;
}

// A child that runs the body and exits with 0. When this returns it may not even have begun.
template <class Body>
pid_t child(Body body) {
  const pid_t pid = must(fork(), "fork");
  if (pid == 0) {
    body();
    _exit(0);
  }
  return pid;
}

// A child that is inside the given system call when this returns.
template <class Body>
pid_t child_in(long call, Body body) {
  const pid_t pid = child(body);
  wait_until_in(pid, call);
  return pid;
}

inline void check_exit(pid_t pid, int code = 0) {
  int status = 0;
  check_equal(must(waitpid(pid, &status, 0), "waitpid"), pid, "waited child");
  check(WIFEXITED(status) && WEXITSTATUS(status) == code, "status of child %d is %#x", pid, status);
}

}  // namespace program

using namespace program;
