// ioprio_set(2): class and level of a task's input and output, seen and set from outside. It is only set where a new
// task has another one, since that makes an io_context, which a task that never did I/O lacks.
#include <linux/capability.h>
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/own_rights.h"
#include "resources/process/io_priority.pb.h"

namespace cairn::resources {
namespace {

constexpr int kWhoProcess = 1, kClassShift = 13, kClassRealTime = 1;

uint32_t priority_of(pid_t tid) {
  return static_cast<uint32_t>(kernel::checked("ioprio_get", SYS_ioprio_get, kWhoProcess, tid));
}

class IoPriorityKind final : public AttributeKind<image::IoPriority, Level::kTask> {
 public:
  Reading<image::IoPriority> describe(DescribeContext&, const TaskView& task, tracee::Batch&) const override {
    return [state = state_of(task.thread())] { return std::optional(state); };
  }

  std::optional<image::IoPriority> describe_remains(DescribeContext&, const kernel::ProcDir& zombie) const override {
    return state_of(zombie.pid());
  }

  void apply(RestoreContext&, const image::IoPriority& state, RestoredTask& task) const override {
    pid_t tid = task.thread().value;
    if (priority_of(tid) != state.value())
      kernel::checked("ioprio_set", SYS_ioprio_set, kWhoProcess, tid, static_cast<long>(state.value()));
  }

  void check(CheckContext& context, const image::IoPriority& state) const override {
    if (state.value() >> kClassShift != kClassRealTime || has_capability(CAP_SYS_NICE) || has_capability(CAP_SYS_ADMIN))
      return;
    context.add({"cairn", "the right to give real-time I/O priority", false, "neither CAP_SYS_NICE nor CAP_SYS_ADMIN"});
  }

 private:
  static image::IoPriority state_of(HostPid task) {
    image::IoPriority state;
    state.set_value(priority_of(task.value));
    return state;
  }
};

}  // namespace

const Kind& io_priority_kind() {
  static const IoPriorityKind kKind;
  return kKind;
}

}  // namespace cairn::resources
