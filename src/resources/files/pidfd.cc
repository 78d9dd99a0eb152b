// pidfd_open(2), clone(2) with CLONE_PIDFD: a descriptor of a process. fdinfo shows the id: -1 when somebody has waited
// for the process. What else can be asked through it is state of the process.
//
// A descriptor of a process of the tree is opened once that is born; of a zombie before it dies. For a process that is
// gone a child of cairn stands in, which ends with the recorded status and is waited for before the tree runs; so the
// tree must come back in cairn's own pid namespace. Refused: descriptors of processes outside the tree, of single
// threads other than the first (whose birth comes after the descriptor table), and extended attributes.
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "kernel/clone.h"
#include "kernel/constants.h"
#include "resources/files/pidfd.pb.h"
#include "resources/kind.h"

namespace cairn::resources {
namespace {

constexpr const char* kRule = "pidfds";
constexpr long kPidFileSystem = 0x50494446;  // PID_FS_MAGIC of linux/magic.h, 6.9: one inode a process

struct PidfdInfo {  // struct pidfd_info of linux/pidfd.h, 6.13, its first version
  uint64_t mask, cgroup;
  uint32_t pid, thread_group, parent, ids[8];
  int32_t exit_status;
};
constexpr unsigned long kGetInfo = _IOWR(0xff, 11, PidfdInfo);  // PIDFD_GET_INFO
constexpr uint64_t kInfoExit = 1 << 3;                          // PIDFD_INFO_EXIT, 6.15

int pid_of(const kernel::KeyValues& fdinfo) { return static_cast<int>(fdinfo.numbers("Pid").at(0)); }

int exit_status_of(int pidfd) {
  PidfdInfo info{};
  info.mask = kInfoExit;
  long result = kernel::call("PIDFD_GET_INFO", SYS_ioctl, pidfd, kGetInfo, kernel::arg(&info));
  return result == 0 && (info.mask & kInfoExit) != 0 ? info.exit_status : 0;
}

// A child of cairn that waits to die. Nobody is told of its death (no exit signal).
class StandIn {
 public:
  StandIn(pid_t pid, OwnedFd life) : pid_{pid}, life_(std::move(life)) {}
  StandIn(const StandIn&) = delete;
  ~StandIn() { end(); }
  HostPid pid() const { return pid_; }

  // With an id that the tree doesn't need.
  static std::shared_ptr<StandIn> start(const graph::Tree& tree, int exit_status) {
    std::vector<std::shared_ptr<StandIn>> unfit;
    for (;;) {
      std::shared_ptr<StandIn> child = fork(exit_status);
      if (!tree.has_task(child->pid().value)) return child;
      unfit.push_back(std::move(child));
    }
  }

  void end() {
    if (!life_) return;
    life_.reset();
    kernel::wait_for(pid_, __WALL);
  }

 private:
  static std::shared_ptr<StandIn> fork(int exit_status) {
    int ends[2];
    kernel::checked("pipe2", SYS_pipe2, kernel::arg(ends), O_CLOEXEC);
    OwnedFd end(ends[0]), life(ends[1]);
    kernel::CloneArguments arguments{};
    arguments.flags = kernel::kCloneClearSighand;
    long pid = kernel::try_clone3(arguments);
    if (pid == 0) be_stand_in(end.get(), exit_status);
    if (pid < 0) throw Error::system("start a stand-in for a process that is gone (clone3)", static_cast<int>(-pid));
    return std::make_shared<StandIn>(static_cast<pid_t>(pid), std::move(life));
  }

  // A fork of a program with threads: plain system calls only. It ends when the other end of the pipe is closed, be it
  // by cairn's death.
  [[noreturn]] static void be_stand_in(int end, int status) {
    constexpr int kEnd = 0;
    if (end != kEnd) ::syscall(SYS_dup3, end, kEnd, 0);
    kernel::keep_only(kEnd);
    ::syscall(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
    uint64_t no_signals = 0;
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, nullptr, sizeof(no_signals));
    char nothing;
    while (::syscall(SYS_read, kEnd, &nothing, sizeof(nothing)) < 0) {
    }
    if (WIFSIGNALED(status)) ::syscall(SYS_kill, ::syscall(SYS_getpid), WTERMSIG(status));
    for (;;) ::syscall(SYS_exit_group, WEXITSTATUS(status));
  }

  HostPid pid_;
  OwnedFd life_;
};

class GoneProcessKind final : public ObjectKind<image::GoneProcess> {
 public:
  static DescribeContext::NewObject describe(const DescriptionView& view) {
    auto state = std::make_unique<image::GoneProcess>();
    state->set_exit_status(exit_status_of(view.fd()));
    return {std::move(state), {}};
  }

  // It dies when everybody has opened it, and before the tree runs.
  OwnedFd create(RestoreContext& context, const image::GoneProcess& state) const override {
    auto child = StandIn::start(context.tree(), state.exit_status());
    context.at_end([child] { child->end(); });
    return kernel::pidfd_open(child->pid());
  }

  // PIDFD_GET_INFO tells nothing about processes outside the pid namespace of who asks.
  void check(CheckContext& context, const image::GoneProcess&) const override {
    if (!context.has_own_pids()) return;
    context.add({"descriptor of a process that is gone", "the tree must come back in cairn's own pid namespace", false,
                 "it gets a new one"});
  }
};

class PidfdKind final : public DescriptionKind<image::Pidfd> {
 public:
  bool recognises(const DescriptionView& view) const override { return view.link() == "anon_inode:[pidfd]"; }

  image::Pidfd describe(DescribeContext& context, const DescriptionView& view) const override {
    image::Pidfd state;
    state.set_of_thread((static_cast<unsigned>(view.flags()) & kernel::kPidfdThread) != 0);
    int pid = pid_of(view.fdinfo());
    if (pid < 0) {
      state.mutable_gone()->set_id(
          context.object("gone_process", key_of(view), [&] { return GoneProcessKind::describe(view); }).value);
    } else {
      RecordId process = context.process({pid});
      if (!process) refuse(context, pid);
      state.mutable_process()->set_id(process.value);
    }
    refuse_attributes(context, view.fd());
    return state;
  }

  OwnedFd create(RestoreContext& context, const image::Pidfd& state) const override {
    return kernel::pidfd_open(pid_in(context, state), state.of_thread() ? kernel::kPidfdThread : 0);
  }

 private:
  // Before 6.9 all descriptors of processes have one inode: then each is taken for a process of its own.
  static std::string key_of(const DescriptionView& view) {
    bool tells = view.file_system() == kPidFileSystem;
    return tells ? fmt::format("{}", view.stat().st_ino) : fmt::format("record {}", view.record().value);
  }

  static void refuse(DescribeContext& context, int pid) {
    if (context.task({pid})) {
      return context.obstacle(fmt::format("it is a descriptor of the single thread {}", pid),
                              "use a descriptor of its process", kRule);
    }
    context.obstacle(fmt::format("it is a descriptor of process {}, which is not in the tree", pid),
                     "close it, or checkpoint from an ancestor of both", kRule);
  }

  static void refuse_attributes(DescribeContext& context, int fd) {
    if (kernel::call("flistxattr", SYS_flistxattr, fd, 0, 0) <= 0) return;
    context.obstacle("its process has extended attributes", "remove them", kRule);
  }

  static HostPid pid_in(RestoreContext& context, const image::Pidfd& state) {
    if (state.process().id() != 0) return context.actor_of({state.process().id()}).process();
    int pidfd = context.fd({state.gone().id()});
    return {pid_of(kernel::fdinfo_of(pidfd))};
  }
};

}  // namespace

const Kind& gone_process_kind() {
  static const GoneProcessKind kKind;
  return kKind;
}

const Kind& pidfd_kind() {
  static const PidfdKind kKind;
  return kKind;
}

}  // namespace cairn::resources
