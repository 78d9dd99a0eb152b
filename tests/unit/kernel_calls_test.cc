// The wrappers of calls.h against real files, processes and sockets.
#include <gtest/gtest.h>
#include <linux/kcmp.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "kernel/calls.h"

namespace cairn::kernel {
namespace {

class Files : public ::testing::Test {
 protected:
  Files() {
    std::string name = ::testing::TempDir() + "cairn_calls_XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~Files() override { std::filesystem::remove_all(directory_); }
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  void make(const std::string& name, const std::string& content) const {
    OwnedFd fd = open(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    write_all(fd.get(), content.data(), content.size());
  }
  std::string directory_;
};

template <typename Body>
Error error_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no Error";
  return Error("none");
}

TEST_F(Files, AreReadWholeWhateverTheirLength) {
  for (size_t size : {0, 1, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 300'000}) {
    std::string content(size, 'x');
    for (size_t i = 0; i < size; i += 997) content[i] = static_cast<char>(i);
    make("file", content);
    EXPECT_EQ(read_file(path("file")), content);
  }
}

TEST_F(Files, ReadingStopsAtTheLimit) {
  make("file", std::string(1000, 'x'));
  OwnedFd fd = open(path("file"), O_RDONLY);
  EXPECT_EQ(read_all(fd.get(), 1000).size(), 1000u);
  seek(fd.get(), 0, SEEK_SET);
  EXPECT_NE(error_of([&] { read_all(fd.get(), 999); }).text().find(path("file")), std::string::npos);
}

TEST_F(Files, OpenedOnesAreCloseOnExec) {
  make("file", "");
  OwnedFd fd = open(path("file"), O_RDONLY);
  EXPECT_EQ(fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(fcntl(duplicate(fd.get()).get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(fcntl(memfd("x", 0, 0).get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(Files, MissingOnesAreAnOutcomeOrAnErrorThatNamesThem) {
  OwnedFd directory = open(directory_, O_RDONLY | O_DIRECTORY);
  make("file", "");
  EXPECT_FALSE(try_open_at(directory.get(), "nothing", O_RDONLY));
  EXPECT_FALSE(try_open_at(directory.get(), "file/below", O_RDONLY));
  EXPECT_FALSE(try_stat_at(directory.get(), "nothing"));
  EXPECT_FALSE(try_read_link_at(directory.get(), "nothing"));
  EXPECT_TRUE(try_open_at(directory.get(), "file", O_RDONLY));
  Error error = error_of([&] { open_at(directory.get(), "nothing", O_RDONLY); });
  EXPECT_EQ(error.text(), "open " + path("nothing") + ": No such file or directory");
  EXPECT_EQ(error.error_number(), ENOENT);
}

TEST_F(Files, LinksOfAnyLength) {
  OwnedFd directory = open(directory_, O_RDONLY | O_DIRECTORY);
  for (size_t length : {1, 255, 256, 257, 1024, 4095}) {
    std::string target(length, 't');
    ASSERT_EQ(::symlink(target.c_str(), path("link").c_str()), 0);
    EXPECT_EQ(read_link_at(directory.get(), "link"), target);
    unlink_at(directory.get(), "link");
  }
}

TEST_F(Files, PositionedReadsAndWrites) {
  OwnedFd fd = open(path("file"), O_RDWR | O_CREAT, 0600);
  ftruncate(fd.get(), 8);
  pwrite_all(fd.get(), "abc", 3, 6);
  char got[5];
  pread_exactly(fd.get(), got, 5, 4);
  EXPECT_EQ(std::string(got, 5), std::string("\0\0abc", 5));
  EXPECT_EQ(fstat(fd.get()).st_size, 9);
  EXPECT_NE(error_of([&] { pread_exactly(fd.get(), got, 5, 5); }).text().find("1 more expected"), std::string::npos);
  fsync(fd.get());
}

TEST_F(Files, WriteErrorsNameTheFile) {
  make("file", "");
  OwnedFd fd = open(path("file"), O_RDONLY);
  EXPECT_EQ(error_of([&] { write_all(fd.get(), "x", 1); }).text(), "write " + path("file") + ": Bad file descriptor");
  OwnedFd full = open("/dev/full", O_WRONLY);
  EXPECT_EQ(error_of([&] { write_all(full.get(), "x", 1); }).error_number(), ENOSPC);
}

TEST_F(Files, RenameKeepsOrExchangesWhatIsThere) {
  make("a", "A");
  make("b", "B");
  EXPECT_EQ(error_of([&] { rename(path("a"), path("b"), RENAME_NOREPLACE); }).error_number(), EEXIST);
  rename(path("a"), path("b"), RENAME_EXCHANGE);
  EXPECT_EQ(read_file(path("a")), "B");
  rename(path("a"), path("c"), RENAME_NOREPLACE);
  EXPECT_EQ(read_file(path("c")), "B");
}

TEST_F(Files, DirectoriesOfManyEntriesAreListedAgainAndAgain) {
  make_directory(path("d"), 0700);
  EXPECT_EQ(error_of([&] { make_directory(path("d"), 0700); }).error_number(), EEXIST);
  std::vector<std::string> expected;
  for (int i = 0; i < 2000; ++i) {
    expected.push_back(fmt::format("a name that is long enough to need more than one buffer {:04}", i));
    make("d/" + expected.back(), "");
  }
  OwnedFd directory = open(path("d"), O_RDONLY | O_DIRECTORY);
  for (int round = 0; round < 2; ++round) {
    auto names = list_directory(directory.get());
    std::ranges::sort(names);
    EXPECT_EQ(names, expected);
  }
}

TEST(Memfd, HasItsSizeAndName) {
  OwnedFd fd = memfd("pages", MFD_ALLOW_SEALING, 12345);
  EXPECT_EQ(fstat(fd.get()).st_size, 12345);
  EXPECT_EQ(read_link_at(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd.get())), "/memfd:pages (deleted)");
}

// A child that runs `body` and then waits to be killed.
class Child {
 public:
  template <typename Body>
  explicit Child(Body body) : pid_{::fork()} {
    if (pid_.value != 0) return;
    body();
    while (true) ::pause();
  }
  Child() : Child([] {}) {}
  ~Child() { end(); }
  void end() {
    if (pid_.value <= 0) return;
    ::kill(pid_.value, SIGKILL);
    ::waitpid(pid_.value, nullptr, 0);
    pid_.value = 0;
  }
  HostPid pid() const { return pid_; }

 private:
  HostPid pid_;
};

TEST(Processes, DescriptorsOfAnotherAreTaken) {
  OwnedFd event(::eventfd(0, 0));
  Child child;
  OwnedFd pidfd = pidfd_open(child.pid());
  auto taken = try_pidfd_getfd(pidfd.get(), event.get());
  ASSERT_TRUE(taken);
  EXPECT_TRUE(same_description(taken->get(), event.get()));
  EXPECT_FALSE(try_pidfd_getfd(pidfd.get(), 12345));
  HostPid pid = child.pid();
  child.end();
  EXPECT_FALSE(try_pidfd_getfd(pidfd.get(), event.get()));
  EXPECT_FALSE(try_pidfd_open(pid));
  EXPECT_EQ(error_of([&] { pidfd_open(pid); }).error_number(), ESRCH);
}

TEST(Processes, SharedObjectsAreToldByKcmp) {
  OwnedFd event(::eventfd(0, 0)), other(::eventfd(0, 0));
  Child child;
  HostPid self{::getpid()};
  auto index = [](const OwnedFd& fd) { return static_cast<unsigned long>(fd.get()); };
  EXPECT_EQ(try_kcmp(self, child.pid(), KCMP_FILE, index(event), index(event)), 0);
  int forward = try_kcmp(self, child.pid(), KCMP_FILE, index(event), index(other));
  EXPECT_TRUE(forward == 1 || forward == 2) << forward;
  EXPECT_EQ(try_kcmp(child.pid(), self, KCMP_FILE, index(other), index(event)), 3 - forward);
  EXPECT_NE(try_kcmp(self, child.pid(), KCMP_VM), 0);
  EXPECT_EQ(try_kcmp(self, self, KCMP_FILE, index(event), 12345), -EBADF);
}

TEST(Descriptions, AreTheSameAfterDupAndNotAfterASecondOpen) {
  OwnedFd first = open("/dev/null", O_RDONLY), second = open("/dev/null", O_RDONLY);
  EXPECT_TRUE(same_description(first.get(), first.get()));
  EXPECT_TRUE(same_description(first.get(), duplicate(first.get()).get()));
  EXPECT_FALSE(same_description(first.get(), second.get()));
  OwnedFd path = open("/", O_PATH);
  EXPECT_TRUE(same_description(path.get(), duplicate(path.get()).get()));
  EXPECT_FALSE(same_description(path.get(), first.get()));
  EXPECT_EQ(error_of([&] { same_description(first.get(), 12345); }).error_number(), EBADF);
}

TEST(Processes, MemoryOfAnotherIsReadAndWritten) {
  static volatile uint64_t value = 1;
  value = 0xfedcba9876543210;
  Child child;
  value = 1;
  uint64_t copy = 0;
  uint64_t* remote_address = const_cast<uint64_t*>(&value);
  iovec local{&copy, sizeof(copy)}, remote{remote_address, sizeof(copy)}, nowhere{nullptr, sizeof(copy)};
  EXPECT_EQ(try_process_vm_readv(child.pid(), {&local, 1}, {&remote, 1}), 8);
  EXPECT_EQ(copy, 0xfedcba9876543210u);
  copy = 77;
  EXPECT_EQ(try_process_vm_writev(child.pid(), {&local, 1}, {&remote, 1}), 8);
  copy = 0;
  EXPECT_EQ(try_process_vm_readv(child.pid(), {&local, 1}, {&remote, 1}), 8);
  EXPECT_EQ(copy, 77u);
  EXPECT_EQ(try_process_vm_readv(child.pid(), {&local, 1}, {&nowhere, 1}), -EFAULT);
  HostPid pid = child.pid();
  child.end();
  EXPECT_EQ(try_process_vm_readv(pid, {&local, 1}, {&remote, 1}), -ESRCH);
}

TEST(Processes, SignalsReachTheLivingOnly) {
  Child child;
  HostPid pid = child.pid();
  EXPECT_TRUE(kill(pid, 0));
  EXPECT_FALSE(wait_for(pid, WNOHANG));
  EXPECT_TRUE(tgkill(pid, pid, SIGKILL));
  auto result = wait_for(pid, 0);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->pid, pid);
  EXPECT_TRUE(WIFSIGNALED(result->status) && WTERMSIG(result->status) == SIGKILL);
  EXPECT_FALSE(kill(pid, 0));
  EXPECT_FALSE(tgkill(pid, pid, 0));
  EXPECT_FALSE(wait_for(pid, 0));
}

TEST(Processes, NoSignalOrWaitIsForMoreThanOneProcess) {
  for (pid_t pid : {0, -1, -::getpgrp()}) {
    EXPECT_THROW(kill(HostPid{pid}, 0), Error);
    EXPECT_THROW(wait_for(HostPid{pid}, WNOHANG), Error);
  }
}

TEST(Poll, ReportsWhatIsReadyAndTheDeadline) {
  using std::chrono::milliseconds;
  OwnedFd event(::eventfd(0, 0));
  pollfd entry{event.get(), POLLIN, 0};
  auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(poll({&entry, 1}, milliseconds(0)), 0);
  EXPECT_EQ(poll({&entry, 1}, milliseconds(20)), 0);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(20));
  uint64_t one = 1;
  write_all(event.get(), &one, sizeof(one));
  EXPECT_EQ(poll({&entry, 1}, std::nullopt), 1);
  EXPECT_EQ(entry.revents, POLLIN);
}

TEST(Poll, KeepsItsDeadlineWhenSignalsArrive) {
  using std::chrono::milliseconds;
  struct sigaction quiet {
  }, before{};
  quiet.sa_handler = [](int) {};
  ::sigaction(SIGALRM, &quiet, &before);
  itimerval often{{0, 5000}, {0, 5000}}, never{};
  ::setitimer(ITIMER_REAL, &often, nullptr);
  auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(poll({}, milliseconds(50)), 0);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(50));
  ::setitimer(ITIMER_REAL, &never, nullptr);
  ::sigaction(SIGALRM, &before, nullptr);
}

class Sockets : public ::testing::TestWithParam<int> {
 protected:
  Sockets() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, GetParam() | SOCK_CLOEXEC, 0, ends), 0);
    sender_ = OwnedFd(ends[0]);
    receiver_ = OwnedFd(ends[1]);
  }
  OwnedFd sender_, receiver_;
};

TEST_P(Sockets, CarryDescriptorsAndAPayload) {
  std::vector<OwnedFd> events;
  std::vector<int> numbers;
  for (int i = 0; i < 253; ++i) numbers.push_back(events.emplace_back(::eventfd(0, 0)).get());
  std::string text = "payload";
  send_descriptors(sender_.get(), numbers, std::as_bytes(std::span(text)));
  std::string payload;
  auto received = receive_descriptors(receiver_.get(), &payload);
  EXPECT_EQ(payload, text);
  ASSERT_EQ(received.size(), 253u);
  for (size_t i = 0; i < received.size(); ++i) EXPECT_TRUE(same_description(received[i].get(), numbers[i]));
  EXPECT_EQ(fcntl(received[0].get(), F_GETFD), FD_CLOEXEC);
}

TEST_P(Sockets, CarryDescriptorsAloneAndPayloadAlone) {
  send_descriptors(sender_.get(), std::array{sender_.get()});
  EXPECT_EQ(receive_descriptors(receiver_.get()).size(), 1u);
  std::string text = "x", payload;
  send_descriptors(sender_.get(), {}, std::as_bytes(std::span(text)));
  EXPECT_TRUE(receive_descriptors(receiver_.get(), &payload).empty());
  EXPECT_EQ(payload, text);
}

TEST_P(Sockets, TellThatTheOtherEndClosed) {
  sender_.reset();
  std::string payload = "old";
  EXPECT_TRUE(receive_descriptors(receiver_.get(), &payload).empty());
  EXPECT_EQ(payload, "");
}

TEST_P(Sockets, ASenderWithoutAPeerGetsAnErrorAndNoSignal) {
  receiver_.reset();
  Error error = error_of([&] { send_descriptors(sender_.get(), std::array{sender_.get()}); });
  EXPECT_EQ(error.error_number(), EPIPE);
}

TEST_P(Sockets, DescriptorsThatFindNoRoomAreAnErrorAndNotLost) {
  std::array both{sender_.get(), receiver_.get()};
  send_descriptors(sender_.get(), both);
  rlimit before{}, low{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  int next = duplicate(sender_.get()).get();  // the lowest free number, closed again at once
  low = {static_cast<rlim_t>(next) + 1, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &low);
  EXPECT_THROW(receive_descriptors(receiver_.get()), Error);
  OwnedFd still_free = duplicate(sender_.get());
  EXPECT_EQ(still_free.get(), next);
  ::setrlimit(RLIMIT_NOFILE, &before);
}

INSTANTIATE_TEST_SUITE_P(Types, Sockets, ::testing::Values(SOCK_STREAM, SOCK_SEQPACKET),
                         [](const auto& type) { return type.param == SOCK_STREAM ? "Stream" : "SeqPacket"; });

}  // namespace
}  // namespace cairn::kernel
