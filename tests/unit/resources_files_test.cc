// The kinds of descriptors by name, pipes, fifos, timers, signals and epolls: what comes back is what was there.
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <chrono>
#include <thread>

#include "kernel/pipe_ring.h"
#include "resources_round_trip.h"

namespace cairn::resources {
namespace {

std::string fdinfo(int fd) { return kernel::read_file(fmt::format("/proc/self/fdinfo/{}", fd)); }
std::string link_of(int fd) { return kernel::read_link_at(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd)); }

void put(int fd, const std::string& text) { kernel::write_all(fd, text.data(), text.size()); }
std::string take(int fd, size_t size = 100'000) {
  std::string text(size, '\0');
  ssize_t count = ::read(fd, text.data(), size);
  text.resize(count < 0 ? 0 : static_cast<size_t>(count));
  return text;
}
int poll_events(int fd) {
  pollfd entry{fd, POLLIN | POLLOUT, 0};
  ::poll(&entry, 1, 0);
  return entry.revents;
}
bool mentions(const std::vector<std::string>& obstacles, const std::string& text) {
  for (const std::string& one : obstacles) {
    if (one.find(text) != std::string::npos) return true;
  }
  return false;
}

TEST(Files, KeepFlagsAndPositionBeyond32Bits) {
  ScratchDirectory scratch;
  OwnedFd fd = kernel::open("log", O_RDWR | O_CREAT | O_APPEND | O_NOATIME | O_SYNC | O_NONBLOCK, 0644);
  kernel::seek(fd.get(), 0x1'0000'0007, SEEK_SET);
  auto made = round_trip({fd.get()});
  EXPECT_EQ(fdinfo(made[0].get()), fdinfo(fd.get()));
  EXPECT_EQ(link_of(made[0].get()), link_of(fd.get()));
}

TEST(Files, OpenFlagsOfEverySortComeBack) {
  ScratchDirectory scratch;
  kernel::open("file", O_WRONLY | O_CREAT, 0600);
  kernel::make_directory("directory", 0700);
  ASSERT_EQ(::symlink("file", "link"), 0);
  ASSERT_EQ(::mkfifo("queue", 0600), 0);
  std::vector<OwnedFd> fds;
  fds.push_back(kernel::open("file", O_PATH));
  fds.push_back(kernel::open("queue", O_PATH));
  fds.push_back(kernel::open("link", O_PATH | O_NOFOLLOW));
  fds.push_back(kernel::open("file", O_WRONLY | O_DSYNC | O_NOFOLLOW));
  fds.push_back(kernel::open("directory", O_RDONLY | O_DIRECTORY));
  fds.push_back(kernel::open("/dev/null", O_RDWR | O_APPEND));
  fds.push_back(kernel::open("/dev/urandom", O_RDONLY));
  fds.push_back(kernel::open("/proc/meminfo", O_RDONLY));
  std::vector<int> old;
  for (const OwnedFd& fd : fds) old.push_back(fd.get());
  auto made = round_trip(old);
  for (size_t i = 0; i < old.size(); i++) {
    EXPECT_EQ(fdinfo(made[i].get()), fdinfo(old[i]));
    EXPECT_EQ(link_of(made[i].get()), link_of(old[i]));
  }
}

TEST(Files, ADescriptionWithTwoNumbersIsOne) {
  ScratchDirectory scratch;
  OwnedFd one = kernel::open("file", O_RDWR | O_CREAT, 0600), same = kernel::duplicate(one.get()),
          other = kernel::open("file", O_RDWR);
  auto made = round_trip({one.get(), same.get(), other.get()});
  EXPECT_TRUE(kernel::same_description(made[0].get(), made[1].get()));
  EXPECT_FALSE(kernel::same_description(made[0].get(), made[2].get()));
}

TEST(Files, RemovedDirectoriesAndFilesOfProcessesAreRefused) {
  ScratchDirectory scratch;
  kernel::make_directory("gone", 0700);
  OwnedFd directory = kernel::open("gone", O_RDONLY | O_DIRECTORY);
  kernel::unlink_at(AT_FDCWD, "gone", AT_REMOVEDIR);
  OwnedFd process = kernel::open("/proc/1/status", O_RDONLY), fdinfo = kernel::open("/proc/self/fdinfo/0", O_RDONLY);
  EXPECT_TRUE(mentions(obstacles_of({directory.get()}), "was removed"));
  EXPECT_TRUE(mentions(obstacles_of({process.get()}), "outside the tree"));
  EXPECT_TRUE(mentions(obstacles_of({fdinfo.get()}), "descriptors and threads"));
}

TEST(Files, TheNameMayEndInDeleted) {
  ScratchDirectory scratch;
  OwnedFd fd = kernel::open("a\nname (deleted)", O_RDWR | O_CREAT, 0600);
  EXPECT_EQ(link_of(round_trip({fd.get()})[0].get()), scratch.path() + "/a\nname (deleted)");
}

TEST(Files, PreconditionsSayWhatDiffers) {
  ScratchDirectory scratch;
  OwnedFd setup = kernel::open("read", O_RDWR | O_CREAT, 0600);
  put(setup.get(), "12345");
  OwnedFd reader = kernel::open("read", O_RDONLY), writer = kernel::open("written", O_RDWR | O_CREAT, 0600),
          shrunk = kernel::open("shrunk", O_RDWR | O_CREAT, 0600), gone = kernel::open("gone", O_RDWR | O_CREAT, 0600);
  put(shrunk.get(), "123");
  Described described;
  for (int fd : {reader.get(), writer.get(), shrunk.get(), gone.get()}) described.describe(fd);
  put(setup.get(), "6");
  put(writer.get(), "grown");
  kernel::ftruncate(shrunk.get(), 1);
  kernel::unlink_at(AT_FDCWD, "gone");
  auto unmet = Unchecked(described.records()).unmet();
  ASSERT_EQ(unmet.size(), 3u);
  EXPECT_EQ(unmet[0].object, "file " + scratch.path() + "/read");
  EXPECT_EQ(unmet[0].found, "6 bytes instead of 5");
  EXPECT_EQ(unmet[1].found, "1 bytes instead of 3");
  EXPECT_EQ(unmet[2].found, "nothing");
}

TEST(Pipes, EndsAndContentComeBack) {
  auto [reader, writer] = kernel::make_pipe(O_NONBLOCK);
  kernel::set_pipe_capacity(writer.get(), 1 << 20);
  std::string text(200'000, 'x');
  put(writer.get(), text);
  std::string path = fmt::format("/proc/self/fd/{}", reader.get());
  OwnedFd again = kernel::open(path, O_WRONLY), both = kernel::open(path, O_RDWR | O_NONBLOCK);
  auto made = round_trip({reader.get(), writer.get(), again.get(), both.get()});
  for (size_t i = 0; i < made.size(); i++) {
    int old[] = {reader.get(), writer.get(), again.get(), both.get()};
    EXPECT_EQ(::fcntl(made[i].get(), F_GETFL), ::fcntl(old[i], F_GETFL)) << i;
    EXPECT_EQ(link_of(made[i].get()), link_of(made[0].get()));
    EXPECT_EQ(kernel::pipe_capacity(made[i].get()), 1u << 20);
  }
  EXPECT_NE(link_of(made[0].get()), link_of(reader.get()));
  EXPECT_EQ(take(made[0].get(), 300'000), text);
  EXPECT_EQ(take(reader.get(), 300'000), text);
  put(made[2].get(), "again");
  EXPECT_EQ(take(made[0].get()), "again");
}

TEST(Pipes, AWidowedEndStaysWidowed) {
  auto [reader, lost_writer] = kernel::make_pipe(O_NONBLOCK);
  auto [lost_reader, writer] = kernel::make_pipe(O_NONBLOCK);
  put(lost_writer.get(), "rest");
  put(writer.get(), "nobody will read this");
  lost_writer.reset();
  lost_reader.reset();
  auto made = round_trip({reader.get(), writer.get()});
  EXPECT_EQ(take(made[0].get()), "rest");
  EXPECT_NE(poll_events(made[0].get()) & POLLHUP, 0);
  EXPECT_NE(poll_events(made[1].get()) & POLLERR, 0);
  EXPECT_EQ(kernel::pipe_unread(made[1].get()), 21u);
}

TEST(Pipes, OwnerAndPermissionsComeBack) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  auto [reader, writer] = kernel::make_pipe(0);
  ASSERT_EQ(::fchown(reader.get(), 4242, 4343), 0);
  ASSERT_EQ(::fchmod(reader.get(), 0644), 0);
  auto made = round_trip({reader.get(), writer.get()});
  struct stat stat = kernel::fstat(made[1].get());
  EXPECT_EQ(stat.st_uid, 4242u);
  EXPECT_EQ(stat.st_gid, 4343u);
  EXPECT_EQ(stat.st_mode & 07777, 0644u);
}

// A process outside the "tree" (which is this test alone) that has what we have at its birth.
class Outsider {
 public:
  Outsider() {
    // Its parent is gone, so that it isn't taken for a fork of cairn's own.
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    pid_t between = ::fork();
    if (between == 0) {
      pid_t pid = ::fork();
      if (pid == 0) {
        ::close(ends[0]);
        ::close(ends[1]);
        ::execlp("sleep", "sleep", "1000", nullptr);  // who runs our own program is no outsider
        ::_exit(1);
      }
      [[maybe_unused]] ssize_t written = ::write(ends[1], &pid, sizeof(pid));
      ::_exit(0);
    }
    EXPECT_EQ(::read(ends[0], &pid_, sizeof(pid_)), ssize_t(sizeof(pid_)));
    ::close(ends[0]);
    ::close(ends[1]);
    ::waitpid(between, nullptr, 0);
    wait_for_exec();
  }
  ~Outsider() { ::kill(pid_, SIGKILL); }
  std::string name() const { return fmt::format("process {} (", pid_); }

 private:
  // Until then it runs our own program.
  void wait_for_exec() const {
    auto proc = kernel::ProcDir::open(HostPid{pid_});
    ASSERT_TRUE(proc);
    auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (proc->try_read("comm") != "sleep\n") {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  pid_t pid_ = 0;
};

TEST(Pipes, AnOutsiderIsNamed) {
  auto [reader, writer] = kernel::make_pipe(0);
  Outsider outsider;
  EXPECT_TRUE(mentions(obstacles_of({reader.get(), writer.get()}), outsider.name()));
}

TEST(Fifos, EndsAndContentComeBack) {
  ScratchDirectory scratch;
  ASSERT_EQ(::mkfifo("queue", 0640), 0);
  std::vector<OwnedFd> made;
  {
    OwnedFd reader = kernel::open("queue", O_RDONLY | O_NONBLOCK), writer = kernel::open("queue", O_WRONLY);
    put(writer.get(), "in the fifo");
    Described described;
    std::vector<RecordId> ids{described.describe(reader.get()), described.describe(writer.get())};
    described.run_judgements();
    EXPECT_EQ(described.obstacles, std::vector<std::string>{});
    // The kind refuses a fifo with content of somebody else, so the old one has to go first.
    EXPECT_EQ(take(reader.get()), "in the fifo");
    Restored restored(described.records(), nullptr);
    for (RecordId id : ids) made.push_back(restored.take(id));
    EXPECT_EQ(fdinfo(made[0].get()), fdinfo(reader.get()));
    EXPECT_EQ(::fcntl(made[1].get(), F_GETFL), ::fcntl(writer.get(), F_GETFL));
  }
  EXPECT_EQ(take(made[0].get()), "in the fifo");
  EXPECT_EQ(link_of(made[0].get()), scratch.path() + "/queue");
  made[1].reset();
  EXPECT_NE(poll_events(made[0].get()) & POLLHUP, 0);
}

TEST(Fifos, AReaderThatWaitsForItsFirstWriterHasNoHangUp) {
  ScratchDirectory scratch;
  ASSERT_EQ(::mkfifo("queue", 0600), 0);
  ASSERT_EQ(::mkfifo("left", 0600), 0);
  OwnedFd waiting = kernel::open("queue", O_RDONLY | O_NONBLOCK), left = kernel::open("left", O_RDONLY | O_NONBLOCK);
  kernel::open("left", O_WRONLY);
  auto made = round_trip({waiting.get(), left.get()});
  EXPECT_EQ(poll_events(made[0].get()), 0);
  EXPECT_EQ(poll_events(made[1].get()), POLLHUP);
}

TEST(Signalfds, KeepAllBitsOfTheirMask) {
  sigset_t mask;
  ::sigemptyset(&mask);
  ::sigaddset(&mask, SIGUSR1);
  ::sigaddset(&mask, 64);
  OwnedFd fd(::signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC));
  EXPECT_NE(fdinfo(fd.get()).find("sigmask:\t8000000000000200"), std::string::npos);
  EXPECT_EQ(fdinfo(round_trip({fd.get()})[0].get()), fdinfo(fd.get()));
}

itimerspec left_of(int fd) {
  itimerspec left{};
  EXPECT_EQ(::timerfd_gettime(fd, &left), 0);
  return left;
}

TEST(Timerfds, KeepClockIntervalAndRest) {
  for (int clock : {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME}) {
    for (int flags : {0, int{TFD_TIMER_ABSTIME}}) {
      OwnedFd fd(::timerfd_create(clock, TFD_NONBLOCK));
      itimerspec set{.it_interval = {0x1'0000'0007, 999'999'999}, .it_value = {0x1'0000'0000, 5}};
      timespec base{};
      ::clock_gettime(clock, &base);
      if (flags != 0) set.it_value.tv_sec += base.tv_sec;
      ASSERT_EQ(::timerfd_settime(fd.get(), flags, &set, nullptr), 0);
      auto made = round_trip({fd.get()});
      itimerspec before = left_of(fd.get()), after = left_of(made[0].get());
      EXPECT_EQ(after.it_interval.tv_sec, 0x1'0000'0007);
      EXPECT_EQ(after.it_interval.tv_nsec, 999'999'999);
      auto drift = (before.it_value.tv_sec - after.it_value.tv_sec) * 1'000'000'000 + before.it_value.tv_nsec -
                   after.it_value.tv_nsec;
      EXPECT_LT(std::abs(drift), 500'000'000) << clock << " " << flags;
      auto shown = kernel::KeyValues::parse(fdinfo(made[0].get()));
      EXPECT_EQ(shown.number("clockid"), static_cast<uint64_t>(clock));
      EXPECT_EQ(shown.octal("settime flags"), static_cast<uint64_t>(flags));
    }
  }
}

TEST(Timerfds, KeepUnreadExpirations) {
  OwnedFd once(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)), often(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)),
      never(::timerfd_create(CLOCK_BOOTTIME, 0));
  itimerspec single{{}, {0, 1}}, hour{{3600, 0}, {0, 1}};
  ::timerfd_settime(once.get(), 0, &single, nullptr);
  ::timerfd_settime(often.get(), 0, &hour, nullptr);
  pollfd waiting{often.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 10'000), 1);
  auto made = round_trip({once.get(), often.get(), never.get()});
  for (int i : {0, 1}) {
    uint64_t ticks = 0;
    ASSERT_EQ(::read(made[i].get(), &ticks, sizeof(ticks)), 8) << i;
    EXPECT_EQ(ticks, 1u);
  }
  EXPECT_EQ(left_of(made[0].get()).it_value.tv_sec, 0);
  EXPECT_GT(left_of(made[1].get()).it_value.tv_sec, 3000);
  EXPECT_EQ(left_of(made[2].get()).it_value.tv_sec, 0);
}

void watch(int epoll, int fd, uint32_t events, uint64_t data) {
  epoll_event event{events, {.u64 = data}};
  ASSERT_EQ(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
}
// Lines of fdinfo without the inode, which a new object may have another of.
std::multiset<std::string> items_of(int epoll) {
  std::multiset<std::string> items;
  for (const auto& item : kernel::parse_epoll_items(kernel::KeyValues::parse(fdinfo(epoll)))) {
    items.insert(fmt::format("{} {:x} {:x}", item.fd, item.events, item.data));
  }
  return items;
}

TEST(Epolls, KeepItemsUnderTheirNumbers) {
  OwnedFd epoll(::epoll_create1(0)), inner(::epoll_create1(0)), event(::eventfd(0, 0));
  OwnedFd second = kernel::duplicate(event.get());
  auto [reader, writer] = kernel::make_pipe(O_NONBLOCK);
  watch(epoll.get(), event.get(), EPOLLIN | EPOLLET, 0xe000'0000'0000'0001);
  watch(epoll.get(), second.get(), EPOLLIN | EPOLLEXCLUSIVE, 0xe000'0000'0000'0002);
  watch(epoll.get(), reader.get(), EPOLLIN | EPOLLPRI | EPOLLRDHUP, 3);
  watch(epoll.get(), inner.get(), EPOLLIN, 4);
  watch(inner.get(), writer.get(), EPOLLOUT, 5);
  auto made = round_trip({epoll.get(), inner.get(), event.get(), second.get(), reader.get(), writer.get()});
  EXPECT_EQ(items_of(made[0].get()), items_of(epoll.get()));
  EXPECT_EQ(items_of(made[1].get()), items_of(inner.get()));
  uint64_t one = 1;
  ASSERT_EQ(::write(made[2].get(), &one, 8), 8);
  epoll_event got[8];
  EXPECT_EQ(::epoll_wait(made[0].get(), got, 8, 0), 3);  // event twice, and the inner one
  EXPECT_EQ(::epoll_wait(epoll.get(), got, 8, 0), 1);
}

TEST(Epolls, AFiredOneShotItemStaysSilent) {
  OwnedFd epoll(::epoll_create1(0)), event(::eventfd(1, 0));
  watch(epoll.get(), event.get(), EPOLLIN | EPOLLONESHOT, 7);
  epoll_event got[2];
  ASSERT_EQ(::epoll_wait(epoll.get(), got, 2, 0), 1);
  auto made = round_trip({epoll.get(), event.get()});
  EXPECT_EQ(items_of(made[0].get()), items_of(epoll.get()));
  EXPECT_EQ(::epoll_wait(made[0].get(), got, 2, 0), 0);
}

TEST(Epolls, WhatCanNotComeBackIsRefused) {
  OwnedFd epoll(::epoll_create1(0)), quiet(::epoll_create1(0));
  auto [reader, writer] = kernel::make_pipe(O_NONBLOCK);
  watch(quiet.get(), reader.get(), EPOLLIN | EPOLLONESHOT, 7);
  put(writer.get(), "x");
  epoll_event got;
  ASSERT_EQ(::epoll_wait(quiet.get(), &got, 1, 0), 1);
  take(reader.get());
  EXPECT_TRUE(mentions(obstacles_of({quiet.get(), reader.get(), writer.get()}), "one-shot"));

  OwnedFd event(::eventfd(1, 0));
  watch(epoll.get(), event.get(), EPOLLIN, 7);
  int number = event.get();
  OwnedFd elsewhere(::fcntl(number, F_DUPFD_CLOEXEC, number + 10));
  event.reset();
  EXPECT_TRUE(mentions(obstacles_of({epoll.get()}), fmt::format("was descriptor {} ", number)));
}

}  // namespace
}  // namespace cairn::resources
