// The supervisor is killed by SIGKILL at each of its kernel calls in turn, while it seizes, injects, runs batches and
// releases. Each time the target must go on unharmed: the same registers, the same mask, nothing pending, and in its
// address space at most the mapping that the next hold finds and removes.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include <cstdlib>

#include "kernel/seam.h"
#include "tracee/batch.h"
#include "tracee_supervise.h"

namespace cairn::tracee {
namespace {

using namespace testing;

enum class End { kKilled, kDone };

// In a child that is killed at its Nth kernel call.
End supervise_until(HostPid root, int number) {
  pid_t supervisor = ::fork();
  if (supervisor == 0) {
    ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
    ::setenv("CAIRN_FAULT", fmt::format("{}:kill", number).c_str(), 1);
    kernel::arm_faults_from_environment();
    try {
      supervise(root);
    } catch (const std::exception&) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(supervisor, &status, 0), supervisor);
  EXPECT_TRUE(WIFSIGNALED(status) || status == 0) << "call " << number << " status " << status;
  return WIFSIGNALED(status) ? End::kKilled : End::kDone;
}

// Other threads' lines vary with time; these don't.
std::string mappings(const Target& target) { return target.file("maps"); }

void expect_clean_after_next_hold(Target& target, const std::string& maps) {
  {
    Hold hold = Hold::tree(target.pid(), soon());
    ASSERT_TRUE(hold.problems().empty());
    HeldProcess& process = hold.processes().at(0);
    InjectedSpace space(process.tasks.at(0), process.tasks.size(), process.proc.maps());
    space.close();
    hold.release();
  }
  EXPECT_EQ(mappings(target), maps);
}

size_t lines_of(const std::string& text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')); }

// Sweeps from the first call to the one after the last.
void sweep(Target& target, const std::function<bool()>& goes_on) {
  std::string maps = mappings(target), signals = signal_lines(target);
  int number = 1, left_over = 0;
  for (;; ++number) {
    End end = supervise_until(target.pid(), number);
    ASSERT_TRUE(goes_on()) << "after a kill at call " << number;
    ASSERT_EQ(target.board().error, 0) << "after a kill at call " << number;
    ASSERT_EQ(signal_lines(target), signals) << "after a kill at call " << number;
    std::string now = mappings(target);
    if (now != maps) {
      ++left_over;
      EXPECT_LE(lines_of(now), lines_of(maps) + 2) << now;
      expect_clean_after_next_hold(target, maps);
      ASSERT_TRUE(goes_on()) << "after the hold that followed a kill at call " << number;
      ASSERT_EQ(target.board().error, 0);
      ASSERT_EQ(signal_lines(target), signals);
    }
    if (::testing::Test::HasFatalFailure()) return;
    if (end == End::kDone) break;
    ASSERT_LT(number, 20000);
  }
  EXPECT_GT(number, 50);
  EXPECT_GT(left_over, 0);  // else this test has not seen what it is for
}

TEST(KilledSupervisor, SpinningWithLiveRegisters) {
  Target target(spin_with_patterns);
  ASSERT_TRUE(target.ready());
  sweep(target, [&] { return target.counts_on(); });
}

TEST(KilledSupervisor, AsleepInACallThatGoesOn) {
  Target target([](Board& board) {
    board.ready = 1;
    while (true) {
      timespec time = {0, 3'000'000};
      if (syscall(SYS_nanosleep, &time, nullptr) != 0) board.error = errno;
      board.count++;
    }
  });
  ASSERT_TRUE(target.ready());
  sweep(target, [&] { return target.counts_on(); });
}

// The kernel has restarted the call before; a healing task has no restart block and makes it anew.
TEST(KilledSupervisor, AsleepInACallThatWasRestarted) {
  Target target([](Board& board) {
    board.ready = 1;
    timespec time = {600, 0};
    if (nanosleep(&time, nullptr) != 0) board.error = errno;
  });
  ASSERT_TRUE(target.asleep_in(SYS_clock_nanosleep));
  sweep(target, [&] {
    return eventually([&] {
      std::string call = target.file("syscall");
      return call.starts_with(std::to_string(SYS_clock_nanosleep)) ||
             call.starts_with(std::to_string(SYS_restart_syscall));
    });
  });
}

TEST(KilledSupervisor, AsleepInAReadThatStaysThere) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  Target target([&](Board& board) {
    board.ready = 1;
    while (true) {
      char byte = 0;
      if (read(ends[0], &byte, 1) != 1 || byte != 'x') board.error = 1;
      board.count++;
    }
  });
  ASSERT_TRUE(target.ready());
  sweep(target, [&] {
    long before = target.board().count;
    return write(ends[1], "x", 1) == 1 && eventually([&] { return target.board().count == before + 1; }) &&
           target.asleep_in(SYS_read);
  });
  close(ends[0]);
  close(ends[1]);
}

TEST(KilledSupervisor, ThreadsWithEverythingBlockedAndSignalsPending) {
  Target target([](Board& board) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    for (int n = 0; n < 3; ++n)
      std::thread([&board, n] {
        while (true) {
          timespec time = {0, 1'000'000};
          if (nanosleep(&time, nullptr) != 0) board.error = 1;
          board.words[n]++;
        }
      }).detach();
    raise(SIGURG);
    kill(getpid(), SIGUSR1);
    spin_with_patterns(board);
  });
  // Threads map something more when they begin to run.
  ASSERT_TRUE(eventually([&] {
    Board& board = target.board();
    return board.count > 0 && board.words[0] > 1 && board.words[1] > 1 && board.words[2] > 1;
  }));
  sweep(target, [&] {
    long before[3];
    for (int n = 0; n < 3; ++n) before[n] = target.board().words[n];
    return target.counts_on() && eventually([&] {
             for (int n = 0; n < 3; ++n)
               if (target.board().words[n] <= before[n] + 1) return false;
             return true;
           });
  });
}

std::atomic<Board*> caught_board{nullptr};

TEST(KilledSupervisor, ProgramThatCatchesEverySignal) {
  Target target([](Board& board) {
    caught_board = &board;
    for (int number = 1; number < 65; ++number) signal(number, [](int) { caught_board.load()->error = 2; });
    spin_with_patterns(board);
  });
  ASSERT_TRUE(target.ready());
  sweep(target, [&] { return target.counts_on(); });
}

TEST(KilledSupervisor, GroupStopped) {
  Target target(spin_with_patterns);
  ASSERT_TRUE(target.ready());
  kill(target.pid().value, SIGSTOP);
  auto is_stopped = [&] { return kernel::ProcDir::open(target.pid())->stat().state == 'T'; };
  ASSERT_TRUE(eventually(is_stopped));
  // It may have stopped within the batch. Either it is let go, or the next hold finds it there; both bring it back.
  std::string maps = mappings(target);
  int runs = 0;
  sweep(target, [&] {
    if (!eventually(is_stopped)) return false;
    if (++runs % 2 == 0) {
      expect_clean_after_next_hold(target, maps);
      return eventually(is_stopped);
    }
    kill(target.pid().value, SIGCONT);
    bool counts = target.counts_on();
    kill(target.pid().value, SIGSTOP);
    return counts && eventually(is_stopped);
  });
}

}  // namespace
}  // namespace cairn::tracee
