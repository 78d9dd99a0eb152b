#include "engine/init.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "base/log.h"
#include "engine/forwarded_signals.h"
#include "kernel/calls.h"
#include "kernel/clone.h"
#include "kernel/pid_namespace.h"

namespace cairn::engine {

using Failure = EnvelopeSetup::Failure;

struct Init::Board {
  std::atomic<uint32_t> changes;  // of the status; a futex
  std::atomic<int> status;        // the root's, as wait(2) tells it
};

namespace {

constexpr auto kPatience = std::chrono::seconds(10);

// --- In init. It is a fork of cairn, perhaps of one with threads: nothing here allocates or throws.

struct Commit {
  pid_t root = 0;
  Init::Session session = Init::Session::kStays;
};

// Signals that a shell would send. What comes from inside the namespace is meant for pid 1 (a sender outside has no id
// here), and what comes from a terminal has reached the root already.
bool is_to_be_forwarded(const siginfo_t& info) {
  for (int signal : kForwardedSignals)
    if (info.si_signo == signal) return info.si_pid == 0 && info.si_code <= 0;
  return false;
}

void end_like(int status) { ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)); }

}  // namespace

void Init::be_init(const EnvelopeSetup& setup, const InitChild& child, int socket, Board& board) {
  Failure failure = setup.run();
  if (failure.step == nullptr) failure = child.start_planter();
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);  // after the fork: the planter's mask is cairn's
  ::prctl(PR_SET_NAME, kInitName);
  kernel::keep_only(socket);
  [[maybe_unused]] ssize_t written = ::write(socket, &failure, sizeof(failure));
  Commit commit;
  // An end of file: cairn has gone or given up. With pid 1 the whole namespace goes.
  if (::read(socket, &commit, sizeof(commit)) != sizeof(commit)) ::_exit(1);
  if (commit.session == Session::kOwn) ::setsid();
  [[maybe_unused]] int done = ::chdir("/");
  // The planter may have played a dead leader, whose id must be gone when the tree looks.
  while (::waitpid(-1, nullptr, WNOHANG) > 0) continue;
  written = ::write(socket, &commit, sizeof(commit));
  ::close(socket);
  int root_status = 0;
  for (;;) {
    int status = 0;
    pid_t changed = ::waitpid(-1, &status, WNOHANG | WUNTRACED);
    if (changed < 0 && errno == ECHILD) end_like(root_status);
    if (changed == commit.root) {
      if (!WIFSTOPPED(status)) root_status = status;
      board.status.store(status);
      board.changes.fetch_add(1);
      ::syscall(SYS_futex, &board.changes, FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
    }
    if (changed > 0) continue;
    siginfo_t info;
    if (::sigwaitinfo(&all, &info) > 0 && is_to_be_forwarded(info)) ::kill(commit.root, info.si_signo);
  }
}

Init::Init(const Envelope& envelope, Place place, const InitChild& child) : is_child_(place == Place::kChild) {
  long memory =
      kernel::checked("mmap", SYS_mmap, 0, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  board_ = new (reinterpret_cast<void*>(memory)) Board{};
  int ends[2];
  kernel::checked("socketpair", SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, kernel::arg(ends));
  socket_ = OwnedFd(ends[0]);
  OwnedFd far_socket(ends[1]);
  EnvelopeSetup setup(envelope);
  kernel::CloneArguments arguments{};
  arguments.flags = envelope.clone_flags() | kernel::kCloneClearSighand | (is_child_ ? 0 : CLONE_PARENT);
  arguments.exit_signal = is_child_ ? SIGCHLD : 0;
  long pid = kernel::try_clone3(arguments);
  if (pid == 0) be_init(setup, child, far_socket.get(), *board_);
  if (pid < 0) throw Error::system("make namespaces for the restored tree (clone3)", static_cast<int>(-pid));
  pid_ = {static_cast<pid_t>(pid)};
  far_socket.reset();
  wait_until_ready();
}

bool Init::answers(void* answer, size_t size) {
  pollfd entry{socket_.get(), POLLIN, 0};
  return kernel::poll({&entry, 1}, std::chrono::duration_cast<std::chrono::milliseconds>(kPatience)) == 1 &&
         kernel::call("read", SYS_read, socket_.get(), kernel::arg(answer), static_cast<long>(size)) ==
             static_cast<long>(size);
}

void Init::wait_until_ready() {
  Failure failure{"set up the namespaces", EIO};
  answers(&failure, sizeof(failure));
  if (failure.step == nullptr) return;
  end();
  throw Error("make namespaces for the restored tree: " + failure.text());
}

Init::~Init() {
  try {
    if (!committed_ && pid_.value != 0) end();
  } catch (const Error& error) {
    log::notice("while undoing the restore: {}", error.what());
  }
  kernel::call("munmap", SYS_munmap, kernel::arg(board_), sizeof(Board));
}

// It is dead only when all in its namespace are, those that we trace too.
void Init::end() {
  OwnedFd pidfd = kernel::pidfd_open(pid_);
  kernel::kill(pid_, SIGKILL);
  pollfd entry{pidfd.get(), POLLIN, 0};
  if (kernel::poll({&entry, 1}, std::chrono::duration_cast<std::chrono::milliseconds>(kPatience)) != 1) {
    throw Error(fmt::format("process {} (cairn-init) does not end", pid_.value));
  }
  if (is_child_) kernel::wait_for(pid_, 0);
  pid_ = {};
}

void Init::commit(NamespacePid root, Session session) {
  Commit commit{root.value, session};
  kernel::checked("sendto", SYS_sendto, socket_.get(), kernel::arg(&commit), sizeof(commit), MSG_NOSIGNAL, 0, 0);
  if (!answers(&commit, sizeof(commit))) throw Error(fmt::format("process {} (cairn-init) has died", pid_.value));
  committed_ = true;
  socket_.reset();
}

// A wake that came from nobody, since init was killed, is made up for by looking now and then.
std::optional<int> Init::wait_for_root() {
  timespec patience{1, 0};
  kernel::call("futex", SYS_futex, kernel::arg(&board_->changes), FUTEX_WAIT, seen_, kernel::arg(&patience), 0, 0);
  if (uint32_t changes = board_->changes.load(); changes != seen_) {
    seen_ = changes;
    return board_->status.load();
  }
  if (auto ended = is_child_ ? kernel::wait_for(pid_, WNOHANG) : std::nullopt) {
    return board_->changes.load() != seen_ ? board_->status.load() : ended->status;
  }
  return std::nullopt;
}

std::string path_below(HostPid init, const std::string& path) {
  return fmt::format("/proc/{}/root{}", init.value, path);
}

bool is_init(const kernel::ProcDir& process) {
  auto status = process.try_read("status");
  if (!status) return false;
  kernel::KeyValues values = kernel::KeyValues::parse(*status);
  return values.text("Name") == kInitName && kernel::innermost_ids(values).process.value == 1;
}

}  // namespace cairn::engine
