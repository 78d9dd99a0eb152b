#include "resources/file_locks.h"

namespace cairn::resources {
namespace {

bool is_kept(const kernel::FileLock& lock) {
  return lock.type == "FLOCK" || lock.type == "POSIX" || lock.type == "OFDLCK";
}

}  // namespace

void note_locks(DescribeContext& context, const DescriptionView& view) {
  for (const auto& [key, value] : view.fdinfo().entries()) {
    if (key != "lock") continue;
    for (const kernel::FileLock& lock : kernel::parse_locks(value)) {
      if (!is_kept(lock)) {
        context.obstacle(fmt::format("it has a file lock of the sort {}", lock.type),
                         "give it up before the checkpoint (F_SETLEASE with F_UNLCK)", "file locks");
      } else if (view.is_mapping()) {
        context.obstacle("a file lock is held through a descriptor that no process has open",
                         "receive the descriptor, or let go of the lock", "file locks");
      } else {
        context.note_locked({view.holder(), view.number()});
      }
    }
  }
}

}  // namespace cairn::resources
