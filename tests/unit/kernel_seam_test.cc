// The fault seam: each case runs in a forked child, since a process is armed for good.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/error.h"
#include "kernel/calls.h"
#include "kernel/seam.h"

namespace cairn::kernel {
namespace {

void arm(const char* fault) {
  ::setenv("CAIRN_FAULT", fault, 1);
  arm_faults_from_environment();
}

long get_parent() { return call("getppid", SYS_getppid); }

TEST(Seam, ReturnsResultsAndNegativeErrnoValues) {
  EXPECT_EQ(get_parent(), ::getppid());
  EXPECT_EQ(call("close", SYS_close, -1), -EBADF);
}

TEST(Seam, CheckedCallNamesItselfInItsError) {
  try {
    checked("dup", SYS_dup, -1);
    FAIL() << "dup(-1)";
  } catch (const Error& error) {
    EXPECT_EQ(error.text(), "dup: Bad file descriptor");
    EXPECT_EQ(error.error_number(), EBADF);
  }
}

TEST(SeamFaults, NoneWithoutTheVariable) {
  ::unsetenv("CAIRN_FAULT");
  arm_faults_from_environment();
  EXPECT_EQ(get_parent(), ::getppid());
}

TEST(SeamFaults, FailsTheNthCallOnly) {
  auto third_fails = [] {
    arm("3:ENOSPC");
    long expected = ::getppid();
    bool right =
        get_parent() == expected && get_parent() == expected && get_parent() == -ENOSPC && get_parent() == expected;
    std::exit(right ? 0 : 1);
  };
  EXPECT_EXIT(third_fails(), testing::ExitedWithCode(0), "cairn: kernel call 3 \\(getppid\\): injected ENOSPC");
}

TEST(SeamFaults, TakesANumberAsErrno) {
  auto first_fails = [] {
    arm("1:28");
    std::exit(get_parent() == -28 ? 0 : 1);
  };
  EXPECT_EXIT(first_fails(), testing::ExitedWithCode(0), "ENOSPC");
}

TEST(SeamFaults, KillsAtTheNthCallBeforeItIsMade) {
  auto killed_before_second = [] {
    arm("2:kill");
    get_parent();
    call("exit_group", SYS_exit_group, 7);
  };
  EXPECT_EXIT(killed_before_second(), testing::KilledBySignal(SIGKILL), "\\(exit_group\\): injected kill");
}

TEST(SeamFaults, CountsAlsoTheCallsOfForkedChildren) {
  auto five_calls = [] {
    arm("count");
    get_parent();
    if (::fork() == 0) {
      get_parent();
      get_parent();
      std::exit(0);
    }
    ::wait(nullptr);
    get_parent();
    get_parent();
    std::exit(0);
  };
  // The anchors: told once, by the process that was armed.
  EXPECT_EXIT(five_calls(), testing::ExitedWithCode(0), "^cairn: kernel calls: 5\n$");
}

TEST(SeamFaults, FiresOnceAcrossForks) {
  auto child_takes_it = [] {
    arm("2:EIO");
    get_parent();
    int status = 0;
    if (::fork() == 0) ::_exit(get_parent() == -EIO ? 0 : 1);
    ::wait(&status);
    std::exit(status == 0 && get_parent() > 0 ? 0 : 1);
  };
  EXPECT_EXIT(child_takes_it(), testing::ExitedWithCode(0), "");
}

TEST(SeamFaults, InjectedEintrIsSeenOnlyWhereASignalWouldBe) {
  auto repeated = [] {
    arm("1:EINTR");
    std::exit(get_parent() == ::getppid() ? 0 : 1);
  };
  auto shown = [] {
    arm("1:EINTR");
    std::exit(call("wait4", SYS_wait4, -1, 0, 0, 0) == -EINTR ? 0 : 1);
  };
  EXPECT_EXIT(repeated(), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(shown(), testing::ExitedWithCode(0), "");
}

TEST(SeamFaults, WrappersReportAnInjectedFaultWithTheirObject) {
  auto open_fails = [] {
    arm("1:EMFILE");
    try {
      open("/dev/null", O_RDONLY);
    } catch (const Error& error) {
      std::exit(error.text() == "open /dev/null: Too many open files" && error.error_number() == EMFILE ? 0 : 2);
    }
    std::exit(1);
  };
  EXPECT_EXIT(open_fails(), testing::ExitedWithCode(0), "");
}

TEST(SeamFaults, RefusesWhatItDoesNotUnderstand) {
  for (const char* text :
       {"", "3", ":EIO", "0:EIO", "3:", "3:ENOTHING", "-1:EIO", "x:EIO", "3:0", "3:99999", "1:EIO "}) {
    ::setenv("CAIRN_FAULT", text, 1);
    EXPECT_THROW(arm_faults_from_environment(), Error) << text;
  }
  ::unsetenv("CAIRN_FAULT");
}

}  // namespace
}  // namespace cairn::kernel
