#include "resources/file_locks.h"

namespace cairn::resources {
namespace {

std::string range_of(const kernel::FileLock& lock) {
  if (lock.start == 0 && lock.end == UINT64_MAX) return "";
  if (lock.end == UINT64_MAX) return fmt::format(" from byte {}", lock.start);
  return fmt::format(" on bytes {} to {}", lock.start, lock.end);
}

void refuse_lock(DescribeContext& context, const kernel::FileLock& lock) {
  context.obstacle(fmt::format("a file lock ({}, {}{}) is held", lock.type, lock.mode, range_of(lock)),
                   "let go of the lock before the checkpoint", "file locks");
}

}  // namespace

// What belongs to the description itself (flock, F_OFD_SETLK, leases) stands in the fdinfo of any duplicate; POSIX
// locks belong to a process and an inode, so the table of all locks is asked.
void refuse_locks(DescribeContext& context, const DescriptionView& view) {
  for (const auto& [key, value] : view.fdinfo().entries()) {
    if (key != "lock") continue;
    for (const kernel::FileLock& lock : kernel::parse_locks(value)) {
      if (!lock.blocked) refuse_lock(context, lock);
    }
  }
  if (view.is_mapping()) return;
  for (const kernel::FileLock& lock : context.locks()) {
    if (lock.blocked || lock.type != "POSIX" || lock.inode != view.stat().st_ino) continue;
    if (context.process({lock.pid})) refuse_lock(context, lock);
  }
}

}  // namespace cairn::resources
