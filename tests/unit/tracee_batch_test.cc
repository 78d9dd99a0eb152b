// Batches in running programs: right results, data flow inside a batch, failures named, nothing left behind.
#include <sys/resource.h>
#include <sys/syscall.h>

#include "kernel/clone.h"
#include "tracee/batch.h"
#include "tracee_target.h"

namespace cairn::tracee {
namespace {

using namespace testing;

void count_for_ever(Board& board) {
  board.ready = 1;
  while (true) board.count.fetch_add(1, std::memory_order_relaxed);
}

class BatchTest : public ::testing::Test {
 protected:
  BatchTest() {
    EXPECT_TRUE(target_.ready());
    maps_ = target_.file("maps");
    hold_.emplace(Hold::tree(target_.pid(), soon()));
  }
  Task& task() { return hold_->processes().at(0).tasks.at(0); }
  std::vector<kernel::MapsEntry> maps() { return hold_->processes().at(0).proc.maps(); }
  void expect_unharmed() {
    hold_->release();
    EXPECT_TRUE(target_.counts_on());
    EXPECT_EQ(target_.file("maps"), maps_);
  }

  Target target_{count_for_ever};
  std::string maps_;
  std::optional<Hold> hold_;
};

TEST_F(BatchTest, ReturnsResultsAndOutputs) {
  {
    InjectedSpace space(task(), 1, maps());
    Batch batch(space, 0, task());
    auto pid = batch.call(SYS_getpid);
    auto limit = batch.out<rlimit>();
    batch.call(SYS_getrlimit, RLIMIT_NOFILE, limit);
    batch.flush();
    EXPECT_EQ(pid.value(), target_.pid().value);
    rlimit own;
    getrlimit(RLIMIT_NOFILE, &own);
    EXPECT_EQ(limit.value().rlim_cur, own.rlim_cur);
  }
  expect_unharmed();
}

TEST_F(BatchTest, RunsThreeHundredCallsAtOnceAndManyRounds) {
  {
    InjectedSpace space(task(), 1, maps());
    Batch batch(space, 0, task());
    for (int round = 0; round < 3; ++round) {
      std::vector<Pending> pids;
      for (int n = 0; n < 300; ++n) pids.push_back(batch.call(SYS_getpid));
      batch.flush();
      for (const Pending& pid : pids) EXPECT_EQ(pid.value(), target_.pid().value);
    }
  }
  expect_unharmed();
}

TEST_F(BatchTest, ForwardsAResultIntoSeveralLaterCalls) {
  {
    InjectedSpace space(task(), 1, maps());
    Batch batch(space, 0, task());
    auto data = batch.put("cairn", 5);
    auto file = batch.call(SYS_memfd_create, batch.put(std::string("test")), 0);
    auto written = batch.call(SYS_write, file, data, 5);
    batch.call(SYS_lseek, file, 1, SEEK_SET);
    auto buffer = batch.buffer(4);
    auto read = batch.call(SYS_read, file, buffer.address, 4);
    batch.call(SYS_close, file);
    batch.flush();
    EXPECT_EQ(written.value(), 5);
    EXPECT_EQ(read.value(), 4);
    auto bytes = batch.bytes(buffer);
    EXPECT_EQ(std::string(reinterpret_cast<char*>(bytes.data()), bytes.size()), "airn");
  }
  expect_unharmed();
}

TEST_F(BatchTest, NamesTheFirstFailingCallAndStopsThere) {
  {
    InjectedSpace space(task(), 1, maps());
    Batch batch(space, 0, task());
    auto first = batch.call(SYS_getpid);
    auto tolerated = batch.try_call(SYS_close, 12345);
    batch.call(SYS_rt_sigaction, 9, 0, 0, 7);
    auto after = batch.call(SYS_getpid);
    try {
      batch.flush();
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.text(), "rt_sigaction: Invalid argument");
      EXPECT_EQ(error.error_number(), EINVAL);
    }
    EXPECT_EQ(first.value(), target_.pid().value);
    EXPECT_EQ(tolerated.value(), -EBADF);
    EXPECT_TRUE(tolerated.failed());
    EXPECT_THROW(after.value(), Error);
    auto again = batch.call(SYS_getppid);  // the batch is usable again
    batch.flush();
    EXPECT_EQ(again.value(), getpid());
  }
  expect_unharmed();
}

// As after a kill, when the ids of what has died are not free at once.
TEST_F(BatchTest, WaitsForTheIdOfANewTask) {
  if (geteuid() != 0) GTEST_SKIP() << "ids can be chosen by root only";
  pid_t taken = ::fork();
  if (taken == 0) ::_exit(0);
  {
    InjectedSpace space(task(), 1, maps());
    Batch batch(space, 0, task());
    kernel::CloneArguments arguments{};
    arguments.flags = CLONE_PTRACE;
    arguments.exit_signal = SIGCHLD;
    arguments.set_tid = batch.put(taken).value;
    arguments.set_tid_size = 1;
    auto before = batch.call(SYS_getpid);
    auto child = batch.call(SYS_clone3, batch.put(arguments), sizeof(arguments));
    auto forwarded = batch.call(SYS_getpgid, child);
    std::thread reaper([&] {
      std::this_thread::sleep_for(50ms);
      ::waitpid(taken, nullptr, 0);
    });
    batch.flush();
    reaper.join();
    EXPECT_EQ(before.value(), target_.pid().value);
    EXPECT_EQ(child.value(), taken);
    EXPECT_EQ(forwarded.value(), ::getpgrp());
    ::kill(taken, SIGKILL);
    ::waitpid(taken, nullptr, __WALL);
  }
  expect_unharmed();
}

TEST_F(BatchTest, RefusesToReadBeforeTheFlush) {
  InjectedSpace space(task(), 1, maps());
  Batch batch(space, 0, task());
  auto pid = batch.call(SYS_getpid);
  auto limit = batch.out<rlimit>();
  EXPECT_THROW(pid.value(), Error);
  EXPECT_THROW(limit.value(), Error);
  batch.flush();
}

TEST_F(BatchTest, SaysThatTheTaskDied) {
  InjectedSpace space(task(), 1, maps());
  Batch batch(space, 0, task());
  batch.call(SYS_kill, target_.pid().value, SIGKILL);
  batch.call(SYS_getpid);
  try {
    batch.flush();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(error.text().find("died while it was held"), std::string::npos) << error.text();
  }
}

}  // namespace
}  // namespace cairn::tracee
