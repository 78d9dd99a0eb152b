// A restored job in the foreground: cairn stands between its caller and the job as a shell would.
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

#include "engine/restore.h"
#include "kernel/calls.h"

namespace cairn::engine {
namespace {

std::atomic<pid_t> job = 0;

// A signal handler: nothing but a system call.
void forward(int signal) { ::kill(job, signal); }

constexpr int kForwarded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT};

}  // namespace

int wait_for_job(HostPid root) {
  job = root.value;
  struct sigaction action {};
  action.sa_handler = forward;
  action.sa_flags = SA_RESTART;
  for (int signal : kForwarded) ::sigaction(signal, &action, nullptr);
  for (;;) {
    int status = 0;
    long result = kernel::call("wait4", SYS_wait4, root.value, kernel::arg(&status), WUNTRACED, 0);
    if (result == -EINTR) continue;
    if (result < 0) throw Error::system(fmt::format("wait for process {}", root.value), static_cast<int>(-result));
    if (!WIFSTOPPED(status)) return status;
    kernel::kill({::getpid()}, SIGSTOP);
  }
}

}  // namespace cairn::engine
