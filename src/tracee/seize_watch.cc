#include "tracee/seize_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace cairn::tracee {
namespace {

constexpr int kSignal = SIGALRM;
constexpr long kPeriod = 10'000'000;  // ns; a PTRACE_SEIZE takes microseconds

thread_local SeizeWatch* present = nullptr;

int number_of(const char* name) {
  int number = 0;
  for (; *name >= '0' && *name <= '9'; ++name) number = number * 10 + (*name - '0');
  return number;
}

// The kernel's view of struct sigevent: glibc names the member for the thread id only since 2.39.
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

}  // namespace

// These calls are part of the mechanism and don't pass the seam: a handler can't, and the rest goes with it.
SeizeWatch::SeizeWatch() {
  present = this;
  struct sigaction action {};
  action.sa_handler = tick;
  action.sa_flags = SA_RESTART;
  ::sigaction(kSignal, &action, &action_before_);
  sigset_t ours;
  sigemptyset(&ours);
  sigaddset(&ours, kSignal);
  ::pthread_sigmask(SIG_UNBLOCK, &ours, &mask_before_);
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = kSignal;
  event.sigev_notify_thread_id = static_cast<pid_t>(::syscall(SYS_gettid));
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) throw Error::system("timer_create", errno);
  itimerspec period = {{0, kPeriod}, {0, kPeriod}};
  ::timer_settime(timer_, 0, &period, nullptr);
}

SeizeWatch::~SeizeWatch() {
  ::timer_delete(timer_);
  ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  ::sigaction(kSignal, &action_before_, nullptr);
  present = nullptr;
}

void SeizeWatch::begin(HostPid process) {
  fmt::format_to_n(directory_.data(), directory_.size() - 1, "/proc/{}/task{}", process.value, '\0');
  seizing_ = true;
}

void SeizeWatch::end() {
  seizing_ = false;
  ticked_ = false;
}

void SeizeWatch::tick(int) {
  if (!present || !present->seizing_) return;
  int error = errno;
  if (present->ticked_) present->reap_dead();
  present->ticked_ = true;
  errno = error;
}

// All threads, not only those that we have seized one by one: new ones are attached to us by their birth. Only what may
// be done in a signal handler is done here.
void SeizeWatch::reap_dead() const {
  int directory = ::open(directory_.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;
  reap_dead_of(directory);
  ::close(directory);
}

void SeizeWatch::reap_dead_of(int directory) const {
  alignas(dirent64) char buffer[4096];
  long size;
  while ((size = ::syscall(SYS_getdents64, directory, buffer, sizeof(buffer))) > 0) {
    for (long at = 0; at < size; at += reinterpret_cast<dirent64*>(buffer + at)->d_reclen) {
      int thread = number_of(reinterpret_cast<dirent64*>(buffer + at)->d_name);
      if (thread > 0) ::syscall(SYS_waitid, P_PID, thread, nullptr, WEXITED | WNOHANG | __WALL, nullptr);
    }
  }
}

}  // namespace cairn::tracee
