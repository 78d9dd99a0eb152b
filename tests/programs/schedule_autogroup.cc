// sched(7): the nice value of a session against other sessions.
#include "program.h"

static std::string own_autogroup() { return read_file("/proc/self/autogroup"); }

static bool is_nice(const char* value) { return own_autogroup().ends_with(std::string(" nice ") + value + "\n"); }

int main() {
  if (own_autogroup().empty()) skip("there are no autogroups");
  const pid_t leader = child_in(SYS_openat, [] {
    must(setsid(), "setsid");
    const int file = must(open("/proc/self/autogroup", O_WRONLY), "open");
    // Who isn't root may be told to try again, as others have just set theirs.
    for (const int64_t end = now() + 20'000'000'000; write(file, "7", 1) != 1; sleep_ms(20)) {
      check(errno == EAGAIN && now() < end, "write: %s", strerror(errno));
    }
    close(file);
    const pid_t member = child_in(SYS_openat, [] {
      wait_for_go();
      check(is_nice("7"), "autogroup of a member: %s", own_autogroup().c_str());
    });
    wait_for_go();
    check(is_nice("7"), "autogroup: %s", own_autogroup().c_str());
    check_exit(member);
  });
  const pid_t other = child_in(SYS_openat, [] {
    must(setsid(), "setsid");
    wait_for_go();
    check(is_nice("0"), "autogroup of another session: %s", own_autogroup().c_str());
  });
  ready_and_wait();
  check_exit(leader);
  check_exit(other);
  pass();
}
