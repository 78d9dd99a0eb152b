// Locks on files: flock(2), and fcntl(2) for a process (POSIX) or a description (OFD). /proc/PID/fdinfo/N shows those
// that are held through descriptor N. They are taken again by a task that has the descriptor, when its table is
// complete: a POSIX lock belongs to the table and would be dropped by any close of that file, and the kernel remembers
// which process took a lock. A description that several tables have would take its lock again in each, which changes
// nothing but that memory; so it is left to the process that took it, where that still has it.
//
// Waiting for a lock is a blocked call, which goes on. Refused by name: leases, and locks on descriptors in flight.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include <algorithm>

#include "resources/files/file_locks.pb.h"
#include "resources/kind.h"

namespace cairn::resources {
namespace {

using image::FileLock;

FileLock::Sort sort_of(const kernel::FileLock& lock) {
  if (lock.type == "FLOCK") return FileLock::FLOCK;
  if (lock.type == "POSIX") return FileLock::POSIX;
  return lock.type == "OFDLCK" ? FileLock::DESCRIPTION : FileLock::SORT_UNSPECIFIED;
}

// What fdinfo shows for one descriptor of a process.
std::vector<kernel::FileLock> locks_through(const tracee::HeldProcess& process, int number) {
  std::vector<kernel::FileLock> locks;
  auto text = process.proc.try_read(fmt::format("fdinfo/{}", number));
  if (!text) return locks;
  kernel::KeyValues shown = kernel::KeyValues::parse(*text);
  for (const auto& [key, value] : shown.entries()) {
    if (key != "lock") continue;
    for (kernel::FileLock& lock : kernel::parse_locks(value)) {
      if (!lock.blocked) locks.push_back(std::move(lock));
    }
  }
  return locks;
}

bool has_description(DescribeContext& context, const tracee::HeldProcess& process, RecordId description) {
  std::vector<int> numbers = process.proc.list_numbers("fd");
  return std::any_of(numbers.begin(), numbers.end(),
                     [&](int number) { return context.description(process.pid, number) == description; });
}

// Whether another process of the tree took this lock, and still has the description.
bool is_anothers(DescribeContext& context, const tracee::HeldProcess& self, const kernel::FileLock& lock,
                 RecordId description) {
  if (lock.type != "FLOCK" || lock.pid == self.pid.value) return false;
  for (const tracee::HeldProcess& process : context.processes()) {
    if (process.pid.value == lock.pid && !process.zombie) return has_description(context, process, description);
  }
  return false;
}

class FileLocksKind final : public AttributeKind<image::FileLocks, Level::kFiles> {
 public:
  Reading<image::FileLocks> describe(DescribeContext& context, const TaskView& task, tracee::Batch&) const override {
    image::FileLocks state;
    std::vector<int> numbers = task.process().proc.list_numbers("fd");
    if (may_hold_locks(context, task.process(), numbers.size())) {
      std::set<RecordId> seen;
      for (int number : numbers) {
        RecordId description = context.description(task.process().pid, number);
        if (seen.insert(description).second) add_locks(context, task.process(), number, description, state);
      }
    }
    return [state]() -> std::optional<image::FileLocks> {
      return state.locks().empty() ? std::nullopt : std::optional(state);
    };
  }

  void apply(RestoreContext&, const image::FileLocks& state, RestoredTask& task) const override {
    for (const FileLock& lock : state.locks()) {
      tracee::Batch& batch = task.room(1, sizeof(struct flock));
      if (lock.sort() == FileLock::FLOCK) {
        batch.call(SYS_flock, lock.number(), (lock.exclusive() ? LOCK_EX : LOCK_SH) | LOCK_NB);
      } else {
        int command = lock.sort() == FileLock::POSIX ? F_SETLK : F_OFD_SETLK;
        batch.call(SYS_fcntl, lock.number(), command, batch.put(range_of(lock)));
      }
    }
  }

 private:
  // Nearly no process has locks, so those with many descriptors are spared the reading of all their fdinfo. The list of
  // the host's locks waits for an RCU grace period, about 10 ms, in which some hundred could have been read.
  static bool may_hold_locks(DescribeContext& context, const tracee::HeldProcess& process, size_t descriptors) {
    constexpr size_t kFew = 256;
    if (!context.locked().empty() || context.processes().size() * descriptors <= kFew) return true;
    return std::any_of(context.locks().begin(), context.locks().end(), [&](const kernel::FileLock& lock) {
      return lock.type == "POSIX" && context.process({lock.pid}) == context.process(process.pid);
    });
  }

  static void add_locks(DescribeContext& context, const tracee::HeldProcess& process, int number, RecordId description,
                        image::FileLocks& state) {
    for (const kernel::FileLock& lock : locks_through(process, number)) {
      if (sort_of(lock) == FileLock::SORT_UNSPECIFIED || is_anothers(context, process, lock, description)) continue;
      FileLock* added = state.add_locks();
      added->set_sort(sort_of(lock));
      added->set_number(number);
      added->set_exclusive(lock.mode == "WRITE");
      added->set_start(lock.start);
      added->set_end(lock.end);
    }
  }

  static struct flock range_of(const FileLock& lock) {
    struct flock range {};
    range.l_type = lock.exclusive() ? F_WRLCK : F_RDLCK;
    range.l_whence = SEEK_SET;
    range.l_start = static_cast<off_t>(lock.start());
    range.l_len = lock.end() == UINT64_MAX ? 0 : static_cast<off_t>(lock.end() - lock.start() + 1);
    return range;
  }
};

}  // namespace

const Kind& file_locks_kind() {
  static const FileLocksKind kKind;
  return kKind;
}

}  // namespace cairn::resources
