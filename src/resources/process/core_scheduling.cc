// prctl(2) PR_SCHED_CORE, Linux 5.14: tasks with one cookie may run beside each other on the threads of a processor
// core. The cookie can be asked for, as a number that is another one with each new cookie; who outside the tree has the
// same can't be found. Refused.
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/process/core_scheduling.pb.h"

namespace cairn::resources {
namespace {

class CoreSchedulingKind final : public RefusedAttributeKind<image::CoreScheduling, Level::kTask> {
 public:
  void refuse(DescribeContext& context, const TaskView& task) const override {
    constexpr int kOneTask = 0;  // PR_SCHED_CORE_SCOPE_THREAD
    uint64_t cookie = 0;
    // Fails where the kernel or the processor has no such thing.
    kernel::call("PR_SCHED_CORE_GET", SYS_prctl, PR_SCHED_CORE, PR_SCHED_CORE_GET, task.thread().value, kOneTask,
                 kernel::arg(&cookie));
    if (cookie != 0) {
      context.obstacle(fmt::format("thread {} has a core scheduling cookie", task.thread().value),
                       "run it without (prctl PR_SCHED_CORE, coresched)", "core scheduling");
    }
  }
};

}  // namespace

const Kind& core_scheduling_kind() {
  static const CoreSchedulingKind kKind;
  return kKind;
}

}  // namespace cairn::resources
