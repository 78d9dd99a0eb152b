// The constants that no header checks for us, asked of the running kernel: an unknown one gives EINVAL or the like.
// Each case is skipped on a kernel older than the version that constants.h names.
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "kernel/calls.h"
#include "kernel/clone.h"
#include "kernel/constants.h"

namespace cairn::kernel {
namespace {

bool older_than(int major, int minor) {
  utsname name{};
  ::uname(&name);
  int running_major = 0, running_minor = 0;
  std::sscanf(name.release, "%d.%d", &running_major, &running_minor);
  return running_major < major || (running_major == major && running_minor < minor);
}

#define NEEDS_LINUX(major, minor) \
  if (older_than(major, minor)) GTEST_SKIP() << "needs Linux " #major "." #minor

TEST(Constants, MemfdSealsAgainstExecution) {
  NEEDS_LINUX(6, 3);
  OwnedFd fd = memfd("x", kMemfdNoexecSeal, 0);
  EXPECT_TRUE(fcntl(fd.get(), F_GET_SEALS) & 0x20) << "F_SEAL_EXEC";
  EXPECT_EQ(fstat(fd.get()).st_mode & 0111, 0u);
  EXPECT_NE(fstat(memfd("x", kMemfdExec, 0).get()).st_mode & 0111, 0u);
}

TEST(Constants, PidfdOfAThread) {
  NEEDS_LINUX(6, 9);
  EXPECT_TRUE(pidfd_open(HostPid{::gettid()}, kPidfdThread));
}

TEST(Constants, PidfdGivesEachNamespace) {
  NEEDS_LINUX(6, 11);
  OwnedFd self = pidfd_open(HostPid{::getpid()});
  struct {
    unsigned long request;
    const char* name;
  } namespaces[] = {{kPidfdGetCgroupNamespace, "cgroup"}, {kPidfdGetIpcNamespace, "ipc"},
                    {kPidfdGetMountNamespace, "mnt"},     {kPidfdGetNetNamespace, "net"},
                    {kPidfdGetPidNamespace, "pid"},       {kPidfdGetPidForChildrenNamespace, "pid_for_children"},
                    {kPidfdGetTimeNamespace, "time"},     {kPidfdGetTimeForChildrenNamespace, "time_for_children"},
                    {kPidfdGetUserNamespace, "user"},     {kPidfdGetUtsNamespace, "uts"}};
  for (auto [request, name] : namespaces) {
    OwnedFd fd(::ioctl(self.get(), request, 0));
    auto expected = try_stat_at(AT_FDCWD, fmt::format("/proc/self/ns/{}", name));
    if (!fd || !expected) continue;  // this kind of namespace is configured out
    EXPECT_EQ(fstat(fd.get()).st_ino, expected->st_ino) << name;
  }
}

TEST(Constants, PrctlKnowsItsGetters) {
  NEEDS_LINUX(6, 4);
  EXPECT_EQ(::prctl(kPrGetMdwe, 0, 0, 0, 0), 0);
  EXPECT_TRUE(::prctl(kPrGetMemoryMerge, 0, 0, 0, 0) >= 0 || errno == EINVAL);  // EINVAL without CONFIG_KSM
  char auxv[1024] = {};
  EXPECT_GT(::prctl(kPrGetAuxv, auxv, sizeof(auxv), 0, 0), 0);
}

TEST(Constants, TimersTakeTheirOldIds) {
  NEEDS_LINUX(6, 15);
  ASSERT_EQ(::prctl(kPrTimerCreateRestoreIds, kTimerRestoreIdsOn, 0, 0, 0), 0);
  EXPECT_EQ(::prctl(kPrTimerCreateRestoreIds, kTimerRestoreIdsGet, 0, 0, 0), 1);
  sigevent event{};
  event.sigev_notify = SIGEV_NONE;
  int id = 4711;
  EXPECT_EQ(call("timer_create", SYS_timer_create, CLOCK_MONOTONIC, arg(&event), arg(&id)), 0);
  EXPECT_EQ(id, 4711);
  call("timer_delete", SYS_timer_delete, id);
  EXPECT_EQ(::prctl(kPrTimerCreateRestoreIds, kTimerRestoreIdsOff, 0, 0, 0), 0);
}

TEST(Constants, FutexHashHasSlots) {
  NEEDS_LINUX(6, 16);
  int slots = ::prctl(kPrFutexHash, kFutexHashGetSlots, 0, 0, 0);
  EXPECT_TRUE(slots >= 0 || errno == EINVAL) << errno;  // EINVAL without CONFIG_FUTEX_PRIVATE_HASH
}

TEST(Constants, SocketOptions) {
  NEEDS_LINUX(6, 5);
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  OwnedFd first(ends[0]), second(ends[1]);
  int value = -1;
  socklen_t size = sizeof(value);
  EXPECT_EQ(::getsockopt(first.get(), SOL_SOCKET, kSoPassPidfd, &value, &size), 0);
  EXPECT_EQ(value, 0);
  EXPECT_EQ(::getsockopt(first.get(), SOL_SOCKET, kSoPeerPidfd, &value, &size), 0);
  OwnedFd peer(value);
  std::string fdinfo = read_file(fmt::format("/proc/self/fdinfo/{}", peer.get()));
  EXPECT_NE(fdinfo.find(fmt::format("Pid:\t{}\n", ::getpid())), std::string::npos) << fdinfo;
}

TEST(Constants, UnixSocketsPassRightsUnlessToldNotTo) {
  NEEDS_LINUX(6, 16);
  OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  int value = -1;
  socklen_t size = sizeof(value);
  EXPECT_EQ(::getsockopt(socket.get(), SOL_SOCKET, kSoPassRights, &value, &size), 0);
  EXPECT_EQ(value, 1);
  EXPECT_EQ(::getsockopt(socket.get(), SOL_SOCKET, kSoRcvPriority, &value, &size), 0);
}

TEST(Constants, EpollKeepsItsParameters) {
  NEEDS_LINUX(6, 9);
  OwnedFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  EpollParameters set{1234, 7, 1, 0}, got{};
  ASSERT_EQ(::ioctl(epoll.get(), kEpollSetParameters, &set), 0);
  ASSERT_EQ(::ioctl(epoll.get(), kEpollGetParameters, &got), 0);
  EXPECT_EQ(std::memcmp(&set, &got, sizeof(set)), 0);
}

TEST(Constants, UniqueMountId) {
  NEEDS_LINUX(6, 8);
  struct statx status {};
  ASSERT_EQ(call("statx", SYS_statx, AT_FDCWD, arg("/"), 0, kStatxMountIdUnique, arg(&status)), 0);
  EXPECT_TRUE(status.stx_mask & kStatxMountIdUnique);
}

TEST(Clone3, MakesAChildThatIsWaitedFor) {
  CloneArguments arguments;
  arguments.exit_signal = SIGCHLD;
  arguments.flags = kCloneClearSighand;
  long pid = try_clone3(arguments);
  if (pid == 0) ::_exit(42);
  ASSERT_GT(pid, 0);
  auto result = wait_for(HostPid{static_cast<pid_t>(pid)}, 0);
  ASSERT_TRUE(result);
  EXPECT_EQ(WEXITSTATUS(result->status), 42);
}

TEST(Clone3, ReportsWhatTheKernelRefuses) {
  CloneArguments arguments;
  arguments.flags = CLONE_THREAD;  // without CLONE_SIGHAND
  EXPECT_EQ(try_clone3(arguments), -EINVAL);
}

}  // namespace
}  // namespace cairn::kernel
