#include "engine/freed_ids.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <thread>

#include "base/log.h"
#include "kernel/procfs.h"

namespace cairn::engine {
namespace {

using std::chrono::microseconds;

constexpr HostPid kInit{1};
constexpr microseconds kFirstPause{100}, kLongestPause{5000};

// 0 when there is no such process.
HostPid parent_of(HostPid pid) {
  auto proc = kernel::ProcDir::open(pid);
  auto text = proc ? proc->try_read("stat") : std::nullopt;
  return {text ? kernel::parse_stat(*text).parent() : 0};
}

// Our ancestors may wait for us, and then reap nobody. Init does nothing else; but a container's may be our parent, as
// a script that has started us.
std::set<HostPid> waiters() {
  std::set<HostPid> found;
  HostPid parent = parent_of({::getpid()});
  for (HostPid pid = parent; pid.value != 0; pid = parent_of(pid)) found.insert(pid);
  if (parent != kInit) found.erase(kInit);
  return found;
}

void wait_for_each(const std::vector<HostPid>& killed, tracee::Deadline deadline) {
  std::set<HostPid> busy = waiters();
  std::vector<HostPid> left = killed;
  for (microseconds pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    std::erase_if(left, [&](HostPid pid) {
      HostPid parent = parent_of(pid);
      return parent.value == 0 || busy.contains(parent);
    });
    if (left.empty() || tracee::Clock::now() >= deadline) return;
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace

void wait_until_free(const std::vector<HostPid>& killed, tracee::Deadline deadline) {
  try {
    wait_for_each(killed, deadline);
  } catch (const Error& error) {  // all is done; whoever restores looks again
    log::detail("while waiting for the ids of the killed processes: {}", error.what());
  }
}

}  // namespace cairn::engine
