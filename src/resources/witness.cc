#include "resources/witness.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/scope_guard.h"
#include "kernel/calls.h"
#include "kernel/clone.h"

namespace cairn::resources {
namespace {

// In the fork: plain system calls, past the seam, for our other threads don't exist in it.
bool take_ids(const WitnessIds& ids) {
  // Not through glibc, which has all threads do the same.
  if (::syscall(SYS_getgid) != ids.group && ::syscall(SYS_setresgid, ids.group, ids.group, ids.group) < 0) return false;
  if (::syscall(SYS_getuid) != ids.user && ::syscall(SYS_setresuid, ids.user, ids.user, ids.user) < 0) return false;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (::syscall(SYS_capset, &header, none.data()) < 0) return false;
  return ::prctl(PR_SET_DUMPABLE, 1) == 0;  // any of these has reset it
}

[[noreturn]] void stand(const WitnessIds& ids, int line) {
  pid_t pid = take_ids(ids) ? static_cast<pid_t>(::syscall(SYS_getpid)) : 0;
  ssize_t told = ::write(line, &pid, sizeof(pid));
  char nothing = 0;
  while (told == sizeof(pid) && ::read(line, &nothing, 1) < 0 && errno == EINTR) {
  }
  ::_exit(0);
}

bool joins(int name_space, int type) { return name_space < 0 || ::setns(name_space, type) == 0; }

// Who joins a pid namespace isn't in it; its children are.
[[noreturn]] void stand_in_namespaces(const WitnessIds& ids, int line) {
  if (!joins(ids.user_namespace, CLONE_NEWUSER) || !joins(ids.pid_namespace, CLONE_NEWPID)) ::_exit(1);
  kernel::keep_only(line);
  kernel::CloneArguments arguments{};
  long pid = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (pid == 0) stand(ids, line);
  ::close(line);
  if (pid > 0) kernel::reap(static_cast<pid_t>(pid));
  ::_exit(0);
}

[[noreturn]] void run(const WitnessIds& ids, int line) {
  ::setsid();  // signals of cairn's terminal are not for it
  ::prctl(PR_SET_NAME, "cairn-witness");
  if (ids.pid_namespace >= 0) stand_in_namespaces(ids, line);
  kernel::keep_only(line);
  stand(ids, line);
}

}  // namespace

Witness::Witness(const WitnessIds& ids) {
  std::array<int, 2> ends{};
  kernel::checked("socketpair", SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, kernel::arg(ends.data()));
  OwnedFd line(ends[0]), its(ends[1]);
  kernel::CloneArguments arguments{};
  arguments.flags = kernel::kCloneClearSighand;
  long child = kernel::try_clone3(arguments);
  if (child == 0) run(ids, its.get());
  if (child < 0) throw Error::system("start a witness (clone3)", static_cast<int>(-child));
  its.reset();
  ScopeGuard end([&] {
    line.reset();
    kernel::reap(static_cast<pid_t>(child));
  });
  pid_t pid = 0;
  long size = kernel::checked("read from a witness", SYS_read, line.get(), kernel::arg(&pid), sizeof(pid));
  if (size == sizeof(pid) && pid > 0) pid_ = NamespacePid{pid};
  end.dismiss();
  child_ = {static_cast<pid_t>(child)};
  line_ = std::move(line);
}

Witness::~Witness() {
  line_.reset();  // which ends it
  if (child_.value != 0) kernel::reap(child_.value);
}

}  // namespace cairn::resources
