// Each kernel call of a hold fails in turn. Whatever comes of it, an error or success, the target goes on unharmed
// while the supervisor still lives: everything was put back by it, nothing only by its end.
#include <fcntl.h>

#include <cstdlib>

#include "kernel/seam.h"
#include "tracee_supervise.h"

namespace cairn::tracee {
namespace {

using namespace testing;

// A supervisor whose Nth kernel call fails, and that waits for its end when it has done what it could.
class FailingSupervisor {
 public:
  FailingSupervisor(HostPid root, int number) {
    EXPECT_EQ(::pipe(done_), 0);
    EXPECT_EQ(::pipe(leave_), 0);
    pid_ = ::fork();
    if (pid_ == 0) run(root, number);
    ::close(done_[1]);
    ::close(leave_[0]);
    EXPECT_EQ(::read(done_[0], &outcome_, 1), 1);
  }
  ~FailingSupervisor() {
    for (int fd : {done_[0], leave_[1]}) ::close(fd);
    ::waitpid(pid_, nullptr, 0);
  }
  bool failed() const { return outcome_ == 'e'; }

 private:
  [[noreturn]] void run(HostPid root, int number) {
    die_with_parent();
    ::close(leave_[1]);
    ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
    ::setenv("CAIRN_FAULT", fmt::format("{}:EIO", number).c_str(), 1);
    kernel::arm_faults_from_environment();
    char outcome = 'd';
    try {
      supervise(root);
    } catch (const std::exception&) {
      outcome = 'e';
    }
    if (::write(done_[1], &outcome, 1) != 1) ::_exit(1);
    ::_exit(static_cast<int>(::read(leave_[0], &outcome, 1)));
  }

  int done_[2], leave_[2];
  pid_t pid_;
  char outcome_ = 0;
};

TEST(FailingCalls, LeaveTheTargetUnharmed) {
  Target target(spin_with_patterns);
  ASSERT_TRUE(target.ready());
  std::string maps = target.file("maps"), signals = signal_lines(target);
  // Some failures are made up for (a second way to read memory), so the sweep ends after a long run of successes.
  constexpr int kSuccessesAtTheEnd = 60;
  int failures = 0, successes = 0;
  for (int number = 1; successes < kSuccessesAtTheEnd; ++number) {
    FailingSupervisor supervisor(target.pid(), number);
    ASSERT_TRUE(target.counts_on()) << "after a failure of call " << number;
    ASSERT_EQ(target.board().error, 0) << "after a failure of call " << number;
    ASSERT_EQ(signal_lines(target), signals) << "after a failure of call " << number;
    ASSERT_EQ(target.file("maps"), maps) << "after a failure of call " << number;
    ASSERT_NE(target.file("status").find("TracerPid:\t0\n"), std::string::npos) << "call " << number;
    failures += supervisor.failed();
    successes = supervisor.failed() ? 0 : successes + 1;
  }
  EXPECT_GT(failures, 50);
}

}  // namespace
}  // namespace cairn::tracee
