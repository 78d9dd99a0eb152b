#include "engine/envelope.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/calls.h"
#include "kernel/clone.h"
#include "resources/own_rights.h"

namespace cairn::engine {
namespace {

using resources::has_capability;
using Failure = EnvelopeSetup::Failure;

constexpr unsigned long kGetUserns = _IO(0xb7, 0x1);  // NS_GET_USERNS of linux/nsfs.h, 4.9
constexpr int kCapCheckpointRestore = 40;             // CAP_CHECKPOINT_RESTORE, 5.9

// Capabilities count in the user namespace that the pid namespace belongs to. Were that an outer one, it couldn't be
// asked for (EPERM).
bool owns_pid_namespace() {
  OwnedFd pids = kernel::open("/proc/self/ns/pid", O_RDONLY);
  long owner = kernel::call("ioctl", SYS_ioctl, pids.get(), kGetUserns);
  if (owner == -EPERM) return false;
  if (owner < 0) throw Error::system("ask whose the pid namespace is (NS_GET_USERNS)", static_cast<int>(-owner));
  OwnedFd file(static_cast<int>(owner));
  return kernel::fstat(file.get()).st_ino == kernel::try_stat_at(AT_FDCWD, "/proc/self/ns/user")->st_ino;
}

bool may_choose_ids() {
  return (has_capability(CAP_SYS_ADMIN) || has_capability(kCapCheckpointRestore)) && owns_pid_namespace();
}

// A new /proc must hide at least what the present one does (mount_too_revealing() in the kernel's fs/namespace.c).
unsigned long flags_of_proc() {
  struct statvfs status {};
  if (::statvfs("/proc", &status) != 0) return 0;
  constexpr unsigned long kSame = ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME | ST_NODIRATIME;
  return (status.f_flag & kSame) | ((status.f_flag & ST_RELATIME) != 0 ? MS_RELATIME : 0);
}

// Functions of the child: no allocation, no exception.

// Mounts of the host go on to appear here, but what is mounted here doesn't appear there.
Failure mount_proc(unsigned long flags) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return {"mount --make-rslave /", errno};
  if (::mount("proc", "/proc", "proc", flags, nullptr) != 0) return {"mount a new /proc", errno};
  return {};
}

}  // namespace

uint64_t Envelope::clone_flags() const { return (user ? CLONE_NEWUSER : 0) | (pids ? CLONE_NEWPID | CLONE_NEWNS : 0); }

Envelope choose_envelope(Pids wanted) {
  Envelope envelope;
  envelope.pids = wanted == Pids::kFresh || !may_choose_ids();
  envelope.user = envelope.pids && !has_capability(CAP_SYS_ADMIN);
  return envelope;
}

EnvelopeSetup::EnvelopeSetup(const Envelope& envelope) : envelope_(envelope), proc_flags_(flags_of_proc()) {}

Failure EnvelopeSetup::run() const {
  if (envelope_.user) {
    if (const char* failed = id_maps_.write(); failed != nullptr) return {failed, errno};
  }
  return envelope_.pids ? mount_proc(proc_flags_) : Failure{};
}

std::string EnvelopeSetup::Failure::text() const {
  return step == nullptr ? "" : std::string(Error::system(step, error).what());
}

std::string envelope_problem(const Envelope& envelope) {
  if (envelope.clone_flags() == 0) return "";
  EnvelopeSetup setup(envelope);
  int ends[2];
  kernel::checked("pipe2", SYS_pipe2, kernel::arg(ends), O_CLOEXEC);
  OwnedFd reader(ends[0]), writer(ends[1]);
  kernel::CloneArguments arguments{};
  arguments.flags = envelope.clone_flags();
  arguments.exit_signal = SIGCHLD;
  long pid = kernel::try_clone3(arguments);
  if (pid == 0) {
    Failure failure = setup.run();
    [[maybe_unused]] ssize_t written = ::write(writer.get(), &failure, sizeof(failure));
    ::_exit(0);
  }
  if (pid < 0) return Failure{"clone3", static_cast<int>(-pid)}.text();
  writer.reset();
  Failure failure{"set up the namespaces", EIO};
  kernel::call("read", SYS_read, reader.get(), kernel::arg(&failure), sizeof(failure));
  kernel::wait_for({static_cast<pid_t>(pid)}, 0);
  return failure.text();
}

}  // namespace cairn::engine
