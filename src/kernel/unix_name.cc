#include "kernel/unix_name.h"

#include <linux/mount.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "kernel/described_object.h"
#include "kernel/own_id_maps.h"
#include "kernel/socket.h"

namespace cairn::kernel {
namespace {

constexpr unsigned long kUnixFile = 0x89e0;  // SIOCUNIXFILE, linux/un.h

// What the child tells: it shares our descriptors (CLONE_FILES) but not our memory.
struct Outcome {
  const char* failed = nullptr;
  int error_number = 0;
  int node = -1;
};

class SharedOutcome {
 public:
  SharedOutcome()
      : address_(checked("mmap", SYS_mmap, 0, sizeof(Outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1)),
        outcome_(new (reinterpret_cast<void*>(address_)) Outcome) {}
  SharedOutcome(const SharedOutcome&) = delete;
  ~SharedOutcome() { call("munmap", SYS_munmap, address_, sizeof(Outcome)); }
  Outcome& operator*() const { return *outcome_; }
  Outcome* operator->() const { return outcome_; }

 private:
  long address_;
  Outcome* outcome_;
};

// In the child: plain system calls only, not through the seam; our other threads don't exist in it.
bool succeeded(Outcome& outcome, const char* what, long result) {
  if (result >= 0) return true;
  outcome.failed = what;
  outcome.error_number = errno;
  return false;
}

// Runs `body` in a child that has a working and root directory of its own.
template <typename Body>
int run_in_child(const std::string& name, Body body) {
  SharedOutcome outcome;
  long child = checked("clone", SYS_clone, CLONE_FILES | SIGCHLD);
  if (child == 0) {
    body(*outcome);
    ::syscall(SYS_exit_group, 0);
  }
  std::optional<WaitResult> result = wait_for({static_cast<pid_t>(child)}, 0);
  if (!result || !WIFEXITED(result->status)) throw Error(fmt::format("bind {}: the child that does it died", name));
  if (outcome->failed)
    throw Error::system(fmt::format("bind {}: {}", unix_name_text(name), outcome->failed), outcome->error_number);
  return outcome->node;
}

long new_file_system() {
  long context = ::syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
  if (context < 0) return context;
  long result = ::syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  if (result >= 0) result = ::syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
  int error_number = errno;
  ::close(static_cast<int>(context));
  errno = error_number;
  return result;
}

// As root at once, as an ordinary user in namespaces of its own.
bool enter_hidden_root(Outcome& outcome, const OwnIdMaps& id_maps) {
  long mount = new_file_system();
  if (mount < 0 && errno == EPERM) {
    // Who isn't mapped can't make a file (EOVERFLOW).
    if (!succeeded(outcome, "unshare", ::unshare(CLONE_NEWUSER | CLONE_NEWNS))) return false;
    if (const char* failed = id_maps.write(); failed != nullptr) return succeeded(outcome, failed, -1);
    mount = new_file_system();
  }
  if (!succeeded(outcome, "make a file system", mount)) return false;
  bool entered =
      succeeded(outcome, "fchdir", ::fchdir(static_cast<int>(mount))) && succeeded(outcome, "chroot", ::chroot("."));
  ::close(static_cast<int>(mount));
  return entered;
}

// Every directory that the name leads through. `path` is a copy.
bool make_directories(Outcome& outcome, char* path) {
  for (char* at = path + 1; *at; ++at) {
    if (*at != '/') continue;
    *at = '\0';
    int result = ::mkdir(path, 0700);
    *at = '/';
    if (result < 0 && errno != EEXIST) return succeeded(outcome, "mkdir", result);
  }
  return true;
}

}  // namespace

std::optional<OwnedFd> try_bound_node(int socket) {
  long node = call("ioctl SIOCUNIXFILE", SYS_ioctl, socket, static_cast<long>(kUnixFile));
  if (node < 0) return std::nullopt;
  return OwnedFd(static_cast<int>(node));
}

void bind_from(int socket, const std::string& name, const std::string& directory) {
  SocketAddress address = SocketAddress::unix(name);
  bool is_absolute = name.starts_with('/');
  if (is_absolute && directory == "/") return bind(socket, address);
  run_in_child(name, [&](Outcome& outcome) {
    if (!succeeded(outcome, "chdir", ::chdir(directory.c_str()))) return;
    if (is_absolute && !succeeded(outcome, "chroot", ::chroot("."))) return;
    succeeded(outcome, "bind", ::syscall(SYS_bind, socket, address.get(), address.length()));
  });
}

OwnedFd bind_out_of_sight(int socket, const std::string& name) {
  SocketAddress address = SocketAddress::unix(name);
  std::string path = name;
  OwnIdMaps id_maps;
  return OwnedFd(run_in_child(name, [&](Outcome& outcome) {
    if (!enter_hidden_root(outcome, id_maps) || !make_directories(outcome, path.data())) return;
    if (!succeeded(outcome, "bind", ::syscall(SYS_bind, socket, address.get(), address.length()))) return;
    // Connecting takes the right to write, also for another user on whose behalf a task connects.
    if (!succeeded(outcome, "chmod", ::chmod(path.c_str(), 0777))) return;
    outcome.node = ::open(path.c_str(), O_PATH | O_CLOEXEC);
    // Without a name the node tells a later checkpoint that it leads nowhere.
    if (succeeded(outcome, "open", outcome.node)) succeeded(outcome, "unlink", ::unlink(path.c_str()));
  }));
}

std::string path_of_descriptor(int number) { return fmt::format("/proc/self/fd/{}", number); }

bool is_dead_node(int node) {
  // A datagram socket finds whatever is bound there, of any type, and tells it nothing.
  OwnedFd probe = make_socket({AF_UNIX, SOCK_DGRAM, 0});
  return try_connect(probe.get(), SocketAddress::unix(path_of_descriptor(node))) == -ECONNREFUSED;
}

}  // namespace cairn::kernel
