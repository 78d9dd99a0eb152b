#include "tracee/snapshot.h"

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <optional>
#include <string_view>

#include "base/log.h"
#include "kernel/procfs.h"
#include "tracee/ptrace.h"

namespace cairn::tracee {
namespace {

constexpr auto kBirthTime = std::chrono::seconds(20);

}  // namespace

void Snapshot::arrive(Task& task, Deadline deadline) {
  if (task.wait_until_stopped(deadline) != Task::Arrival::kStopped)
    throw Error(fmt::format("{}, a fork for a snapshot, did not stop at its birth", task.name()));
}

// Should memory run out, it is the one to go.
void Snapshot::offer_to_oom_killer(HostPid copy) {
  auto proc = kernel::ProcDir::open(copy);
  auto file = proc ? kernel::try_open_at(proc->fd(), "oom_score_adj", O_WRONLY) : std::nullopt;
  constexpr std::string_view kMost = "1000";
  if (file) kernel::call("write", SYS_write, file->get(), kernel::arg(kMost.data()), static_cast<long>(kMost.size()));
}

bool Snapshot::lives() const { return ptrace::get_mask(copy_.thread()).has_value(); }

// `between` ends as soon as it has made the copy. From its first stop on it dies with us, and so does what it makes.
Task Snapshot::hold_copy(HostPid between_id, unsigned options, Deadline deadline) {
  Task between = Task::adopt(between_id, between_id, options | PTRACE_O_EXITKILL);
  arrive(between, deadline);
  if (!between.try_suspend_seccomp()) between.set_options(between.options_);
  between.go_on();
  if (between.next_stop(deadline) >> 16 != PTRACE_EVENT_CLONE)
    throw Error(fmt::format("{}, a fork for a snapshot, stopped unexpectedly", between.name()));
  auto copy_id = ptrace::event_message(between_id);
  if (!copy_id) between.fail_as_dead();
  HostPid id{static_cast<pid_t>(*copy_id)};
  Task copy = Task::adopt(id, id, between.options_);
  arrive(copy, deadline);
  between.go_on();
  if (ptrace::wait_for_stop(between_id, deadline).what != ptrace::Waited::kGone)
    throw Error(fmt::format("{}, a fork for a snapshot, did not end", between.name()));
  between.forget();
  offer_to_oom_killer(id);
  return copy;
}

Snapshot Snapshot::take(Task& task, BatchSpace& space, size_t slot) {
  std::optional<Task> copy;
  Batch batch(space, slot, task);
  batch.fork_away([&](HostPid between) { copy = hold_copy(between, task.options_, Clock::now() + kBirthTime); });
  try {
    batch.flush();
  } catch (const Died&) {
    throw;
  } catch (...) {
    // Else the task would not have waited for its child.
    try {
      batch.finish_anyway();
    } catch (const std::exception& error) {
      log::detail("{}", error.what());
    }
    throw;
  }
  CAIRN_ASSERT(copy);
  return Snapshot(std::move(*copy));
}

}  // namespace cairn::tracee
