// semop(2) with SEM_UNDO: what the kernel takes back from System V semaphores when the process ends. The list shows
// nowhere. Whether there is one does: kcmp(2) finds that of a process equal to cairn's own, which has none. But
// threads have one from their birth (CLONE_SYSVSEM), so it counts only with a set of semaphores that was used since the
// process began: by a process of the tree at last, or, where there are no threads, by anybody.
//
// Not seen: a process with threads that has something to undo in semaphores that outsiders have all used since then.
#include <linux/kcmp.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sstream>

#include "resources/kind.h"
#include "resources/process/semaphore_undo.pb.h"

namespace cairn::resources {
namespace {

struct SemaphoreSet {
  int id = 0;
  long count = 0;
  int64_t used = 0;  // seconds of CLOCK_REALTIME; 0: never
};

// /proc/sysvipc/sem: key semid perms nsems uid gid cuid cgid otime ctime.
struct SemaphoreSets {
  std::vector<SemaphoreSet> sets;

  SemaphoreSets() {
    auto file = kernel::try_open_at(AT_FDCWD, "/proc/sysvipc/sem", O_RDONLY);
    if (!file) return;
    std::istringstream lines(kernel::read_all(file->get()));
    std::string line;
    std::getline(lines, line);  // the heading
    while (std::getline(lines, line)) add(line);
  }

 private:
  void add(const std::string& line) {
    std::istringstream words(line);
    std::string skipped;
    SemaphoreSet set;
    words >> skipped >> set.id >> skipped >> set.count >> skipped >> skipped >> skipped >> skipped >> set.used;
    if (words && set.used != 0) sets.push_back(set);
  }
};

// Seconds of CLOCK_REALTIME, rounded down.
int64_t begin_of(const kernel::Stat& stat) {
  static const auto kTicks = static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  auto since_boot = static_cast<int64_t>(stat.start_time() * (kernel::kNanosecondsPerSecond / kTicks));
  int64_t age = kernel::clock_now(CLOCK_BOOTTIME) - since_boot;
  return (kernel::clock_now(CLOCK_REALTIME) - age) / kernel::kNanosecondsPerSecond;
}

// Whether a process of the tree was the last to use one of them.
bool is_used_in_tree(DescribeContext& context, const SemaphoreSet& set) {
  for (long i = 0; i < set.count; ++i) {
    long user = kernel::call("semctl", SYS_semctl, set.id, i, GETPID, 0);
    if (user > 0 && context.process({static_cast<pid_t>(user)})) return true;
  }
  return false;
}

class SemaphoreUndoKind final : public RefusedAttributeKind<image::SemaphoreUndo, Level::kProcess> {
 public:
  void refuse(DescribeContext& context, const TaskView& task) const override {
    if (kernel::try_kcmp({::getpid()}, task.thread(), KCMP_SYSVSEM) <= 0) return;
    bool has_threads = task.process().tasks.size() > 1;
    int64_t begin = begin_of(task.stat());
    for (const SemaphoreSet& set : context.once<SemaphoreSets>().sets) {
      if (set.used < begin) continue;
      if (has_threads && !is_used_in_tree(context, set)) continue;
      context.obstacle(
          fmt::format("it may have changed semaphores of set {} that are to be undone at its end (SEM_UNDO)", set.id),
          fmt::format("let it end its use of them, and remove the set (ipcrm -s {})", set.id), "System V semaphores");
    }
  }
};

}  // namespace

const Kind& semaphore_undo_kind() {
  static const SemaphoreUndoKind kKind;
  return kKind;
}

}  // namespace cairn::resources
