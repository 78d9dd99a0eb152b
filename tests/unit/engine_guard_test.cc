// The guard: what it puts right after a cairn that was killed, and that it is nowhere otherwise.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <thread>

#include "base/error.h"
#include "engine/guard.h"
#include "kernel/calls.h"

namespace cairn::engine {
namespace {

using namespace std::chrono_literals;

bool comes_true(const std::function<bool()>& condition) {
  auto end = std::chrono::steady_clock::now() + 10s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

int peek_offset(int fd) {
  int value = 0;
  socklen_t size = sizeof(value);
  EXPECT_EQ(::getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &value, &size), 0);
  return value;
}

void set_peek_offset(int fd, int value) { ::setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &value, sizeof(value)); }

resources::ToggleNote peek_note(int fd, int value) { return {fd, SOL_SOCKET, SO_PEEK_OFF, value}; }

pid_t start_sleeper() {
  pid_t pid = ::fork();
  if (pid == 0) {
    while (true) ::pause();
  }
  return pid;
}

// Orphans come to us, so that we see them end.
class GuardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair_), 0);
  }
  void TearDown() override {
    ::close(pair_[0]);
    ::close(pair_[1]);
    int status = 0;
    EXPECT_TRUE(comes_true([&] { return ::waitpid(-1, &status, WNOHANG) < 0; })) << "a process is left";
  }

  // Forks a cairn that kills itself where `action` returns.
  void kill_cairn_after(const std::function<void(Guard&)>& action) {
    pid_t cairn = ::fork();
    if (cairn == 0) {
      Guard guard;
      action(guard);
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(cairn, &status, 0), cairn);
    ASSERT_TRUE(WIFSIGNALED(status));
  }

  int pair_[2] = {-1, -1};
};

TEST_F(GuardTest, IsNotThereUntilItIsNeeded) {
  Guard guard;
  EXPECT_EQ(guard.pid().value, 0);
  EXPECT_FALSE(guard.watches());
}

TEST_F(GuardTest, EndsWithItsOwner) {
  pid_t pid = 0;
  {
    Guard guard;
    guard.strike(guard.note(peek_note(pair_[0], -1)));
    pid = guard.pid().value;
    EXPECT_EQ(::kill(pid, 0), 0);
    EXPECT_TRUE(comes_true([&] { return ::getsid(pid) == pid; }));
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(GuardTest, TakesBackWhatIsNoted) {
  kill_cairn_after([&](Guard& guard) {
    // A descriptor that only the killed cairn has had.
    int duplicate = ::fcntl(pair_[0], F_DUPFD_CLOEXEC, 100);
    guard.note(peek_note(duplicate, -1));
    set_peek_offset(duplicate, 5);
  });
  EXPECT_TRUE(comes_true([&] { return peek_offset(pair_[0]) == -1; }));
}

TEST_F(GuardTest, TakesBackTheFirstChangeLast) {
  kill_cairn_after([&](Guard& guard) {
    guard.note(peek_note(pair_[0], -1));
    set_peek_offset(pair_[0], 5);
    guard.note(peek_note(pair_[0], 5));
    set_peek_offset(pair_[0], 7);
  });
  EXPECT_TRUE(comes_true([&] { return peek_offset(pair_[0]) == -1; }));
}

TEST_F(GuardTest, LeavesWhatWasStruckOut) {
  kill_cairn_after([&](Guard& guard) {
    size_t place = guard.note(peek_note(pair_[0], -1));
    set_peek_offset(pair_[0], 5);
    guard.strike(place);
    guard.note(peek_note(pair_[1], 3));
  });
  EXPECT_TRUE(comes_true([&] { return peek_offset(pair_[1]) == 3; }));
  EXPECT_EQ(peek_offset(pair_[0]), 5);
}

TEST_F(GuardTest, KillsWhatItWatchesOnceArmed) {
  pid_t sleepers[] = {start_sleeper(), start_sleeper()};
  kill_cairn_after([&](Guard& guard) {
    for (pid_t sleeper : sleepers) guard.watch({sleeper});
    guard.arm(SIGKILL);
  });
  for (pid_t sleeper : sleepers) {
    int status = 0;
    ASSERT_EQ(::waitpid(sleeper, &status, 0), sleeper);
    EXPECT_TRUE(WIFSIGNALED(status));
  }
}

TEST_F(GuardTest, LetsLiveWhatItWatchesWhenItIsNotArmed) {
  pid_t sleeper = start_sleeper();
  kill_cairn_after([&](Guard& guard) {
    guard.watch({sleeper});
    guard.arm(SIGKILL);
    guard.disarm();
    guard.note(peek_note(pair_[0], 9));  // shows that the guard has come to its end
  });
  EXPECT_TRUE(comes_true([&] { return peek_offset(pair_[0]) == 9; }));
  EXPECT_EQ(::waitpid(sleeper, nullptr, WNOHANG), 0);
  ::kill(sleeper, SIGKILL);
  ::waitpid(sleeper, nullptr, 0);
}

TEST_F(GuardTest, IsMissedWhenItWasKilled) {
  Guard guard;
  guard.start();
  ::kill(guard.pid().value, SIGKILL);
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(guard.pid().value), &info, WEXITED | WNOWAIT | __WALL), 0);
  EXPECT_THROW(guard.arm(SIGKILL), Error);
}

}  // namespace
}  // namespace cairn::engine
