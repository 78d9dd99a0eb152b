// DescriptionIndex and SharedObjectIndex against objects whose sharing we arranged.
#include <gtest/gtest.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "kernel/calls.h"
#include "kernel/identity.h"

namespace cairn::kernel {
namespace {

class DescriptionIndexTest : public ::testing::Test {
 protected:
  void SetUp() override {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 3000) GTEST_SKIP() << "too few descriptors are allowed here";
  }
  size_t add(int fd) { return index_.find_or_add(duplicate(fd)); }
  DescriptionIndex index_;
};

TEST_F(DescriptionIndexTest, ThousandEventfdsAreToldApartAndTheirDuplicatesFound) {
  std::vector<OwnedFd> events;
  for (size_t i = 0; i < 1000; ++i) {
    events.emplace_back(::eventfd(0, 0));
    EXPECT_EQ(add(events[i].get()), i);
  }
  for (size_t i = 1000; i-- > 0;) EXPECT_EQ(add(events[i].get()), i);
  EXPECT_EQ(index_.size(), 1000u);
  for (size_t i = 0; i < 1000; ++i) EXPECT_TRUE(same_description(index_.fd(i), events[i].get()));
}

TEST_F(DescriptionIndexTest, AFileOpenedTwiceIsTwoAndDuplicatedIsOne) {
  OwnedFd file = memfd("file", 0, 0);
  std::string path = fmt::format("/proc/self/fd/{}", file.get());
  OwnedFd second = open(path, O_RDWR), path_only = open(path, O_PATH);
  EXPECT_EQ(add(file.get()), 0u);
  EXPECT_EQ(add(second.get()), 1u);
  EXPECT_EQ(add(path_only.get()), 2u);
  EXPECT_EQ(add(file.get()), 0u);
  EXPECT_EQ(add(second.get()), 1u);
  EXPECT_EQ(add(path_only.get()), 2u);
}

TEST_F(DescriptionIndexTest, OneFileOpenedManyTimes) {
  OwnedFd file = memfd("file", 0, 0);
  std::vector<OwnedFd> opened;
  for (size_t i = 0; i < 250; ++i) {
    opened.push_back(open(fmt::format("/proc/self/fd/{}", file.get()), O_RDONLY));
    EXPECT_EQ(add(opened[i].get()), i);
    EXPECT_EQ(add(opened[i / 2].get()), i / 2);
  }
  EXPECT_EQ(index_.size(), 250u);
}

TEST_F(DescriptionIndexTest, PositionAndFlagsThatChangeMeanwhileDoNotSplitOne) {
  OwnedFd file = memfd("file", 0, 100);
  EXPECT_EQ(add(file.get()), 0u);
  seek(file.get(), 50, SEEK_SET);
  fcntl(file.get(), F_SETFL, O_APPEND | O_NONBLOCK);
  EXPECT_EQ(add(file.get()), 0u);
}

TEST_F(DescriptionIndexTest, BothEndsOfAPipeAndOfASocketPair) {
  int pipe_ends[2], socket_ends[2];
  ASSERT_EQ(::pipe2(pipe_ends, O_CLOEXEC), 0);
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket_ends), 0);
  std::vector<OwnedFd> ends;
  for (int fd : {pipe_ends[0], pipe_ends[1], socket_ends[0], socket_ends[1]}) ends.emplace_back(fd);
  for (size_t round = 0; round < 2; ++round)
    for (size_t i = 0; i < ends.size(); ++i) EXPECT_EQ(add(ends[i].get()), i);
}

TEST_F(DescriptionIndexTest, DuplicatesAreClosedAndTheFirstIsKept) {
  OwnedFd event(::eventfd(0, 0));
  int kept = duplicate(event.get()).release(), dropped = duplicate(event.get()).release();
  index_.find_or_add(OwnedFd(kept));
  index_.find_or_add(OwnedFd(dropped));
  EXPECT_EQ(index_.fd(0), kept);
  EXPECT_EQ(::fcntl(dropped, F_GETFD), -1);
}

TEST_F(DescriptionIndexTest, TakenFromAnotherProcessAreFoundAgain) {
  OwnedFd event(::eventfd(0, 0));
  pid_t child = ::fork();
  if (child == 0) {
    while (true) ::pause();
  }
  OwnedFd pidfd = pidfd_open(HostPid{child});
  EXPECT_EQ(add(event.get()), 0u);
  EXPECT_EQ(index_.find_or_add(std::move(*try_pidfd_getfd(pidfd.get(), event.get()))), 0u);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_F(DescriptionIndexTest, AnInodeThatCanNotBeAskedForSplitsNothing) {
  // The first call of each find_or_add is statx; it fails once for a new description and once for a known one.
  auto body = [](const char* fault) {
    OwnedFd event(::eventfd(0, 0)), other(::eventfd(0, 0));
    OwnedFd copies[] = {duplicate(event.get()), duplicate(other.get()), duplicate(event.get()), duplicate(other.get())};
    DescriptionIndex index;
    ::setenv("CAIRN_FAULT", fault, 1);
    arm_faults_from_environment();
    std::vector<size_t> ids;
    for (OwnedFd& fd : copies) ids.push_back(index.find_or_add(std::move(fd)));
    std::exit(ids == std::vector<size_t>{0, 1, 0, 1} ? 0 : 1);
  };
  EXPECT_EXIT(body("1:EACCES"), testing::ExitedWithCode(0), "statx");
  EXPECT_EXIT(body("4:EACCES"), testing::ExitedWithCode(0), "statx");
}

TEST_F(DescriptionIndexTest, WorksWithoutKcmp) {
  auto body = [] {
    DescriptionIndex index;
    std::vector<OwnedFd> events;
    for (size_t i = 0; i < 40; ++i) events.emplace_back(::eventfd(0, 0));
    for (size_t i = 0; i < 16; ++i) index.find_or_add(duplicate(events[i].get()));
    ::setenv("CAIRN_FAULT", "3:EPERM", 1);  // after fcntl and statx of the 17th
    arm_faults_from_environment();
    bool right = true;
    for (size_t i = 16; i < 40; ++i) right = right && index.find_or_add(duplicate(events[i].get())) == i;
    for (size_t i = 0; i < 40; ++i) right = right && index.find_or_add(duplicate(events[i].get())) == i;
    std::exit(right ? 0 : 1);
  };
  EXPECT_EXIT(body(), testing::ExitedWithCode(0), "kcmp");
}

TEST_F(DescriptionIndexTest, CallsGrowWithTheLogarithm) {
  auto body = [] {
    std::vector<OwnedFd> copies;
    for (size_t i = 0; i < 500; ++i) {
      copies.emplace_back(::eventfd(0, 0));
      copies.push_back(duplicate(copies.back().get()));
    }
    DescriptionIndex index;
    ::setenv("CAIRN_FAULT", "count", 1);
    arm_faults_from_environment();
    for (OwnedFd& fd : copies) index.find_or_add(std::move(fd));
    std::exit(index.size() == 500 ? 0 : 1);
  };
  // About 9,000; asking each description would take 190,000.
  EXPECT_EXIT(body(), testing::ExitedWithCode(0), "kernel calls: 1?[0-9]{4}\n");
}

// Children made with the given clone flags, asleep.
class Children {
 public:
  ~Children() {
    for (HostPid pid : pids_) ::kill(pid.value, SIGKILL);
    for (HostPid pid : pids_) ::waitpid(pid.value, nullptr, __WALL);
  }
  HostPid make(unsigned long flags) {
    pid_t pid = static_cast<pid_t>(::syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0));
    if (pid == 0) {
      while (true) ::pause();
    }
    return pids_.emplace_back(HostPid{pid});
  }

 private:
  std::vector<HostPid> pids_;
};

TEST(SharedObjects, FollowTheCloneFlags) {
  Children children;
  HostPid self{::getpid()};
  HostPid apart = children.make(0), files = children.make(CLONE_FILES), fs = children.make(CLONE_FS);
  SharedObjectIndex tables(KCMP_FILES), paths(KCMP_FS);
  std::vector<size_t> table_of, path_of;
  for (HostPid task : {self, apart, files, fs}) {
    table_of.push_back(tables.find_or_add(task));
    path_of.push_back(paths.find_or_add(task));
  }
  EXPECT_EQ(table_of, (std::vector<size_t>{0, 1, 0, 2}));
  EXPECT_EQ(path_of, (std::vector<size_t>{0, 1, 2, 0}));
  EXPECT_EQ(tables.size(), 3u);
  EXPECT_EQ(tables.task(0), self);
  EXPECT_EQ(tables.task(2), fs);
}

TEST(SharedObjects, ManyMemoriesKeepTheirIndices) {
  Children children;
  SharedObjectIndex memories(KCMP_VM);
  std::vector<HostPid> tasks;
  for (size_t i = 0; i < 30; ++i) {
    tasks.push_back(children.make(0));
    EXPECT_EQ(memories.find_or_add(tasks[i]), i);
  }
  for (size_t i = 0; i < 30; ++i) EXPECT_EQ(memories.find_or_add(tasks[i]), i);
}

TEST(SharedObjects, TasksWithoutAnUndoListCountAsEqual) {
  Children children;
  SharedObjectIndex undo(KCMP_SYSVSEM);
  EXPECT_EQ(undo.find_or_add(children.make(0)), 0u);
  EXPECT_EQ(undo.find_or_add(children.make(0)), 0u);
}

TEST(SharedObjects, ATaskThatIsGoneIsAnError) {
  SharedObjectIndex memories(KCMP_VM);
  HostPid gone{0};
  {
    Children children;
    gone = children.make(0);
  }
  EXPECT_THROW(memories.find_or_add(gone), Error);
  memories.find_or_add(HostPid{::getpid()});
  EXPECT_THROW(memories.find_or_add(gone), Error);
  EXPECT_EQ(memories.size(), 1u);
}

}  // namespace
}  // namespace cairn::kernel
