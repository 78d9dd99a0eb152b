// Ids of a child in a pid namespace of its own, by both ways of asking.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/calls.h"
#include "kernel/clone.h"
#include "kernel/pid_namespace.h"

namespace cairn::kernel {
namespace {

TEST(PidNamespace, InOurOwnIdsAreTheSame) {
  PidNamespace own = PidNamespace::of(HostPid{::getpid()});
  EXPECT_TRUE(own.is_own());
  EXPECT_EQ(own.find({1234}), HostPid{1234});
}

TEST(PidNamespace, InnermostIdsStandLast) {
  NamespaceIds ids =
      innermost_ids(KeyValues::parse("NStgid:\t100\t7\nNSpid:\t101\t8\nNSpgid:\t90\t0\nNSsid:\t80\t2\n"));
  EXPECT_EQ(ids.process, NamespacePid{7});
  EXPECT_EQ(ids.thread, NamespacePid{8});
  EXPECT_EQ(ids.group, NamespacePid{0});
  EXPECT_EQ(ids.session, NamespacePid{2});
}

TEST(PidNamespace, MembersOfAnotherAreFound) {
  CloneArguments arguments{};
  arguments.flags = CLONE_NEWUSER | CLONE_NEWPID;
  arguments.exit_signal = SIGCHLD;
  long child = try_clone3(arguments);
  if (child == 0) {
    for (;;) ::pause();
  }
  if (child == -EPERM || child == -ENOSPC) GTEST_SKIP() << "no user namespaces";
  ASSERT_GT(child, 0);
  HostPid pid{static_cast<pid_t>(child)};
  PidNamespace space = PidNamespace::of(pid);
  EXPECT_FALSE(space.is_own());
  EXPECT_EQ(space.find({1}), pid);
  EXPECT_EQ(space.search({1}), pid);
  EXPECT_EQ(space.find({2}), std::nullopt);
  EXPECT_EQ(space.search({2}), std::nullopt);
  EXPECT_EQ(innermost_ids(ProcDir::open(pid)->status()).process, NamespacePid{1});
  kill(pid, SIGKILL);
  ::waitpid(pid.value, nullptr, 0);
}

}  // namespace
}  // namespace cairn::kernel
