// timers, locks, mountinfo.
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "kernel/calls.h"
#include "kernel/procfs.h"

namespace cairn::kernel {
namespace {

TEST(PosixTimers, TwoTimers) {
  auto timers = parse_posix_timers(
      "ID: 0\nsignal: 10/00007ffc12345678\nnotify: signal/pid.1234\nClockID: 1\n"
      "ID: 2147483647\nsignal: 0/0xffffffffffffffff\nnotify: none/tid.5\nClockID: -6\n");
  ASSERT_EQ(timers.size(), 2u);
  EXPECT_EQ(timers[0].id, 0);
  EXPECT_EQ(timers[0].signal, 10);
  EXPECT_EQ(timers[0].value, 0x7ffc12345678u);
  EXPECT_EQ(timers[0].notify, "signal/pid.1234");
  EXPECT_EQ(timers[0].clock, 1);
  EXPECT_EQ(timers[1].value, UINT64_MAX);
  EXPECT_EQ(timers[1].clock, -6);
}

TEST(PosixTimers, MissingLinesAreErrors) {
  EXPECT_TRUE(parse_posix_timers("").empty());
  EXPECT_THROW(parse_posix_timers("ID: 0\n"), Error);
  EXPECT_THROW(parse_posix_timers("ID: 0\nsignal: 10/0\nnotify: signal/pid.1234\n"), Error);
  EXPECT_THROW(parse_posix_timers("ID: 0\nsignal: 10\nnotify: x\nClockID: 1\n"), Error);
  EXPECT_THROW(parse_posix_timers("signal: 10/0\nID: 0\nnotify: x\nClockID: 1\n"), Error);
}

TEST(PosixTimers, OneOfThisProcess) {
  sigevent event{};
  event.sigev_notify = SIGEV_NONE;
  event.sigev_signo = SIGUSR2;
  event.sigev_value.sival_ptr = reinterpret_cast<void*>(0xfedcba9876543210);
  timer_t timer;
  ASSERT_EQ(::timer_create(CLOCK_BOOTTIME, &event, &timer), 0);
  auto timers = parse_posix_timers(ProcDir::open(HostPid{::getpid()})->read("timers"));
  ::timer_delete(timer);
  ASSERT_EQ(timers.size(), 1u);
  EXPECT_EQ(timers[0].value, 0xfedcba9876543210u);
  EXPECT_TRUE(timers[0].notify.starts_with("none/")) << timers[0].notify;
  EXPECT_EQ(timers[0].clock, CLOCK_BOOTTIME);
}

TEST(Locks, EverySort) {
  auto locks = parse_locks(
      "1: POSIX  ADVISORY  WRITE 1234 fd:1a:5678 100 EOF\n"
      "1: -> POSIX  ADVISORY  READ 99 fd:1a:5678 0 18446744073709551614\n"
      "1:  -> POSIX  ADVISORY  READ 98 fd:1a:5678 0 9\n"
      "2: OFDLCK ADVISORY  READ  -1 00:2d:77 0 EOF\n"
      "3: LEASE  BREAKING  UNLCK 5 08:02:9 0 EOF\n"
      "4: POSIX  MANDATORY WRITE 6 <none>:0 0 EOF\n");
  ASSERT_EQ(locks.size(), 6u);
  EXPECT_EQ(locks[0].type, "POSIX");
  EXPECT_FALSE(locks[0].blocked);
  EXPECT_EQ(locks[0].mode, "WRITE");
  EXPECT_EQ(locks[0].pid, 1234);
  EXPECT_EQ(locks[0].device_major, 0xfdu);
  EXPECT_EQ(locks[0].device_minor, 0x1au);
  EXPECT_EQ(locks[0].inode, 5678u);
  EXPECT_EQ(locks[0].start, 100u);
  EXPECT_EQ(locks[0].end, UINT64_MAX);
  EXPECT_TRUE(locks[1].blocked && locks[2].blocked);
  EXPECT_EQ(locks[1].end, UINT64_MAX - 1);
  EXPECT_EQ(locks[3].type, "OFDLCK");
  EXPECT_EQ(locks[3].pid, -1);
  EXPECT_EQ(locks[4].status, "BREAKING");
  EXPECT_TRUE(locks[5].mandatory);
  EXPECT_EQ(locks[5].inode, 0u);
}

TEST(Locks, TruncatedLinesAreErrors) {
  const std::string good = "1: -> POSIX  ADVISORY  WRITE 1234 fd:1a:5678 100 9";
  EXPECT_TRUE(parse_locks("").empty());
  for (size_t length = 1; length < good.size(); ++length)
    EXPECT_THROW(parse_locks(good.substr(0, length)), Error) << good.substr(0, length);
}

TEST(Locks, OneThatThisProcessHolds) {
  OwnedFd file = memfd("locked", 0, 0);
  ASSERT_EQ(::flock(file.get(), LOCK_EX), 0);
  auto locks = parse_locks(read_file("/proc/locks"));
  struct stat status = fstat(file.get());
  auto held = std::ranges::find_if(locks, [&](const FileLock& lock) {
    return lock.inode == status.st_ino && makedev(lock.device_major, lock.device_minor) == status.st_dev;
  });
  ASSERT_NE(held, locks.end());
  EXPECT_EQ(held->type, "FLOCK");
  EXPECT_EQ(held->mode, "WRITE");
  EXPECT_EQ(held->pid, ::getpid());
  EXPECT_EQ(held->end, UINT64_MAX);
}

TEST(Mountinfo, AllFields) {
  auto mounts = parse_mountinfo(
      "36 35 98:0 /a\\040b /mnt\\134\\0113\\012 rw,noatime shared:1 master:2 propagate_from:3 - ext3 /dev/r\\043t "
      "rw,errors=continue\n"
      "37 36 0:48 / /x rw - tmpfs  rw,size=1k\n");
  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(mounts[0].id, 36);
  EXPECT_EQ(mounts[0].parent, 35);
  EXPECT_EQ(mounts[0].device_major, 98u);
  EXPECT_EQ(mounts[0].device_minor, 0u);
  EXPECT_EQ(mounts[0].root, "/a b");
  EXPECT_EQ(mounts[0].mount_point, "/mnt\\\t3\n");
  EXPECT_EQ(mounts[0].options, "rw,noatime");
  EXPECT_EQ(mounts[0].tags, (std::vector<std::string>{"shared:1", "master:2", "propagate_from:3"}));
  EXPECT_EQ(mounts[0].file_system, "ext3");
  EXPECT_EQ(mounts[0].source, "/dev/r#t");
  EXPECT_EQ(mounts[0].super_options, "rw,errors=continue");
  EXPECT_TRUE(mounts[1].tags.empty());
  EXPECT_EQ(mounts[1].source, "");
  EXPECT_EQ(mounts[1].super_options, "rw,size=1k");
}

TEST(Mountinfo, MalformedLinesAreErrors) {
  EXPECT_TRUE(parse_mountinfo("").empty());
  for (const char* line :
       {"x", "1 2", "1 2 3:4", "1 2 3:4 / / rw", "1 2 3:4 / / rw shared:1", "1 2 3 / / rw - x y z", "\n"})
    EXPECT_THROW(parse_mountinfo(line), Error) << line;
}

TEST(Mountinfo, TheMountOfProcIsAmongOurs) {
  auto mounts = parse_mountinfo(ProcDir::open(HostPid{::getpid()})->read("mountinfo"));
  auto proc = std::ranges::find(mounts, "/proc", &MountEntry::mount_point);
  ASSERT_NE(proc, mounts.end());
  EXPECT_EQ(proc->file_system, "proc");
}

}  // namespace
}  // namespace cairn::kernel
