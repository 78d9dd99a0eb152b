// Snapshots of running programs: the memory of one instant, while the program goes on and notices nothing, also when
// cairn is killed at any of its kernel calls.
#include <fcntl.h>
#include <sys/prctl.h>

#include <cstdlib>
#include <cstring>

#include "kernel/seam.h"
#include "tracee/snapshot.h"
#include "tracee_target.h"

namespace cairn::tracee {
namespace {

using namespace testing;

constexpr size_t kWords = 1 << 16;

// Writes to its private memory, and looks for children, all the time.
void write_for_ever(Board& board) {
  auto* words = new volatile long[kWords]{};
  board.words[0] = reinterpret_cast<long>(words);
  board.ready = 1;
  for (long n = 1;; ++n) {
    for (size_t at = 0; at < kWords; at += 512) words[at] = n;
    words[kWords - 1] = n;
    board.count = n;
    if (::waitpid(-1, nullptr, WNOHANG | __WALL) != -1 || errno != ECHILD) board.error = 1;
  }
}

Snapshot take_snapshot(Hold& hold) {
  HeldProcess& process = hold.processes().at(0);
  InjectedSpace space(process.tasks.at(0), 1, process.proc.maps());
  Snapshot snapshot = Snapshot::take(process.tasks.at(0), space, 0);
  space.close();
  return snapshot;
}

std::vector<long> words_of(HostPid pid, const Board& board) {
  std::vector<long> words(kWords);
  iovec local{words.data(), kWords * sizeof(long)},
      remote{reinterpret_cast<void*>(board.words[0].load()), local.iov_len};
  EXPECT_EQ(kernel::try_process_vm_readv(pid, {&local, 1}, {&remote, 1}), static_cast<ssize_t>(local.iov_len));
  return words;
}

// Copies become children of the test, which waits for them as init would. Nothing but the target may be left.
class SnapshotTest : public ::testing::Test {
 protected:
  SnapshotTest() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }
  ~SnapshotTest() override { ::prctl(PR_SET_CHILD_SUBREAPER, 0); }
  void expect_no_copy_left() {
    EXPECT_TRUE(eventually([&] {
      while (::waitpid(-1, nullptr, WNOHANG | __WALL) > 0) {
      }
      return children() == std::to_string(target_.pid().value) + " ";
    })) << children();
  }
  static std::string children() { return kernel::read_file(fmt::format("/proc/self/task/{}/children", ::gettid())); }
  void expect_unharmed(const std::string& maps) {
    EXPECT_TRUE(target_.counts_on());
    EXPECT_EQ(target_.board().error, 0);
    EXPECT_EQ(target_.file("maps"), maps);
  }

  Target target_{write_for_ever};
};

TEST_F(SnapshotTest, HasTheMemoryOfOneInstantWhileTheTargetGoesOn) {
  ASSERT_TRUE(target_.ready());
  std::string maps = target_.file("maps");
  {
    Hold hold = Hold::tree(target_.pid(), soon());
    std::vector<long> before = words_of(target_.pid(), target_.board());
    Snapshot snapshot = take_snapshot(hold);
    hold.release();
    ASSERT_TRUE(target_.counts_on());
    EXPECT_EQ(words_of(snapshot.pid(), target_.board()), before);
    EXPECT_NE(words_of(target_.pid(), target_.board()), before);
    auto proc = kernel::ProcDir::open(snapshot.pid());
    EXPECT_TRUE(proc->list_numbers("fd").empty());
    EXPECT_NE(proc->stat().session(), ::getsid(target_.pid().value));
  }
  expect_unharmed(maps);
  expect_no_copy_left();
}

TEST_F(SnapshotTest, TakesOneAfterAnother) {
  ASSERT_TRUE(target_.ready());
  std::string maps = target_.file("maps");
  for (int n = 0; n < 20; ++n) {
    Hold hold = Hold::tree(target_.pid(), soon());
    Snapshot snapshot = take_snapshot(hold);
    hold.release();
    ASSERT_TRUE(target_.counts_on());
  }
  expect_unharmed(maps);
  expect_no_copy_left();
}

TEST_F(SnapshotTest, SaysThatTheTargetCannotForkAndLeavesItAlone) {
  if (::geteuid() == 0) {  // root isn't limited in its processes
    Target limited([](Board& board) {
      rlimit none = {0, 0};
      if (::setresuid(65534, 65534, 65534) != 0 || ::setrlimit(RLIMIT_NPROC, &none) != 0) board.error = errno;
      write_for_ever(board);
    });
    ASSERT_TRUE(limited.ready());
    Hold hold = Hold::tree(limited.pid(), soon());
    EXPECT_THROW(take_snapshot(hold), Error);
    hold.release();
    EXPECT_TRUE(limited.counts_on());
    EXPECT_EQ(limited.board().error, 0);
  }
}

// Takes a snapshot in a child whose kernel calls meet this fault (kernel/seam.h); its wait status.
int take_with_fault(HostPid root, const std::string& fault) {
  pid_t supervisor = ::fork();
  if (supervisor == 0) {
    ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
    ::setenv("CAIRN_FAULT", fault.c_str(), 1);
    kernel::arm_faults_from_environment();
    try {
      Hold hold = Hold::tree(root, soon());
      Snapshot snapshot = take_snapshot(hold);
      hold.release();
    } catch (const std::exception&) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(supervisor, &status, 0), supervisor);
  return status;
}

TEST_F(SnapshotTest, SurvivesAKillOrAnErrorOfCairnAtEachCall) {
  ASSERT_TRUE(target_.ready());
  bool all_were_struck = false;
  for (int number = 1; !all_were_struck; ++number) {
    ASSERT_LT(number, 1000);
    for (const char* fault : {"kill", "ENOMEM"}) {
      int status = take_with_fault(target_.pid(), fmt::format("{}:{}", number, fault));
      if (*fault == 'k') all_were_struck = !WIFSIGNALED(status);
      ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) <= 1) << status;
      ASSERT_TRUE(target_.counts_on()) << "after " << fault << " at call " << number;
      ASSERT_EQ(target_.board().error, 0) << "after " << fault << " at call " << number;
      expect_no_copy_left();
    }
  }
}

}  // namespace
}  // namespace cairn::tracee
