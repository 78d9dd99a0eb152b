#include "engine/guard.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/log.h"
#include "base/scope_guard.h"
#include "kernel/calls.h"
#include "kernel/clone.h"

namespace cairn::engine {
namespace {

constexpr size_t kMostNotes = size_t{1} << 16;
constexpr size_t kMostWatched = size_t{1} << 20;
constexpr int kNotOpen = -1;

struct Note {
  std::atomic<bool> valid;
  resources::ToggleNote toggle;
};

}  // namespace

// Untouched pages of it cost nothing.
struct Guard::Journal {
  std::atomic<int> signal;  // 0: none is armed
  std::atomic<size_t> note_count, watch_count;
  std::array<Note, kMostNotes> notes;
  std::array<int, kMostWatched> watched;  // pidfds

  [[noreturn]] void keep(int cairn);
  void put_right();
};

// In the guard, and therefore past the seam. Nothing here may allocate: it is a fork, maybe of a process with threads.
void Guard::Journal::keep(int cairn) {
  ::setsid();  // signals of cairn's terminal are not for it
  ::prctl(PR_SET_NAME, "cairn-guard");
  pollfd entry{cairn, POLLIN, 0};
  while (::poll(&entry, 1, -1) < 0 && errno == EINTR) {
  }
  put_right();
  ::_exit(0);
}

// The latest toggle first: one option may have been changed twice. A watched process that has ended is no error.
void Guard::Journal::put_right() {
  for (size_t place = note_count.load(); place-- > 0;) {
    const auto& [fd, level, option, value] = notes[place].toggle;
    if (notes[place].valid) ::setsockopt(fd, level, option, &value, sizeof(value));
  }
  int armed = signal.load();
  for (size_t place = 0; armed != 0 && place < watch_count.load(); ++place)
    ::syscall(SYS_pidfd_send_signal, watched[place], armed, nullptr, 0);
}

Guard::~Guard() {
  try {
    end();
  } catch (const std::exception& error) {
    log::detail("while ending the guard: {}", error.what());
  }
}

void Guard::start() {
  if (pid_.value == 0) {
    fork();
  } else if (kernel::wait_for(pid_, WNOHANG | __WALL)) {
    pid_ = {};
    throw Error("the guard process of this cairn was killed");
  }
}

void Guard::fork() {
  if (journal_ == nullptr) {
    journal_ = reinterpret_cast<Journal*>(kernel::checked("mmap", SYS_mmap, 0, sizeof(Journal), PROT_READ | PROT_WRITE,
                                                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  }
  cairn_ = kernel::pidfd_open({::getpid()});
  // It starts with all signals blocked: none may end it before it has come to its own session.
  uint64_t all = ~uint64_t{0}, before = 0;
  kernel::checked("rt_sigprocmask", SYS_rt_sigprocmask, SIG_SETMASK, kernel::arg(&all), kernel::arg(&before),
                  sizeof(all));
  ScopeGuard unblock([&] { ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, sizeof(before)); });
  kernel::CloneArguments arguments{};
  arguments.flags = CLONE_FILES | kernel::kCloneClearSighand;  // and no exit signal: it isn't a child to be waited for
  long pid = kernel::try_clone3(arguments);
  if (pid == 0) journal_->keep(cairn_.get());
  if (pid < 0) throw Error::system("start the guard process (clone3)", static_cast<int>(-pid));
  pid_ = {static_cast<pid_t>(pid)};
}

// By SIGKILL: it has nothing to do any more.
void Guard::end() {
  if (pid_.value != 0) {
    ::kill(pid_.value, SIGKILL);
    kernel::reap(pid_.value);
    pid_ = {};
  }
  if (journal_ == nullptr) return;
  for (size_t place = 0; place < journal_->watch_count; ++place) OwnedFd{journal_->watched[place]}.reset();
  ::munmap(journal_, sizeof(Journal));
  journal_ = nullptr;
}

size_t Guard::note(const resources::ToggleNote& toggle) {
  start();
  size_t place = journal_->note_count;
  while (place > 0 && !journal_->notes[place - 1].valid) --place;
  if (place == kMostNotes) throw Error("too many changes of live objects at once");
  journal_->notes[place].toggle = toggle;
  journal_->notes[place].valid = true;
  journal_->note_count = place + 1;
  return place;
}

void Guard::strike(size_t place) { journal_->notes[place].valid = false; }

int* Guard::watch_next() {
  start();
  size_t place = journal_->watch_count;
  if (place == kMostWatched) throw Error("too many processes to be watched");
  journal_->watched[place] = kNotOpen;
  journal_->watch_count = place + 1;
  return &journal_->watched[place];
}

void Guard::watch(HostPid process) {
  OwnedFd pidfd = kernel::pidfd_open(process);
  *watch_next() = pidfd.release();
}

bool Guard::watches() const { return journal_ != nullptr && journal_->watch_count > 0; }

void Guard::arm(int signal) {
  start();
  journal_->signal = signal;
}

void Guard::disarm() {
  if (journal_ != nullptr) journal_->signal = 0;
}

}  // namespace cairn::engine
