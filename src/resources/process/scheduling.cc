// sched(7): policy, nice value, real-time priority, deadline parameters and utilization clamps of a task, seen and set
// from outside by sched_getattr(2) and sched_setattr(2). What remains of a time slice is the moment's, and not kept.
#include <linux/capability.h>
#include <sched.h>
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/own_rights.h"
#include "resources/process/scheduling.pb.h"

namespace cairn::resources {
namespace {

struct KernelAttributes {  // struct sched_attr, 56 bytes since Linux 5.3
  uint32_t size = sizeof(KernelAttributes);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0, deadline = 0, period = 0;
  uint32_t util_min = 0, util_max = 0;
};
static_assert(sizeof(KernelAttributes) == 56);

constexpr uint32_t kDeadline = 6;  // SCHED_DEADLINE
constexpr uint64_t kResetOnFork = 1, kReclaim = 2, kDeadlineOverrun = 4, kClampMin = 0x20, kClampMax = 0x40;
constexpr uint32_t kFullUtilization = 1024;

bool is_real_time(uint32_t policy) { return policy == SCHED_FIFO || policy == SCHED_RR; }

KernelAttributes attributes_of(pid_t tid) {
  KernelAttributes attributes;
  kernel::checked("sched_getattr", SYS_sched_getattr, tid, kernel::arg(&attributes), sizeof(attributes), 0);
  return attributes;
}

// The slice that nobody asked for, as our own shows it; 0 before Linux 6.12.
uint64_t default_slice() {
  static const uint64_t kSlice = [] {
    KernelAttributes own = attributes_of(0);
    return own.policy == SCHED_OTHER ? own.runtime : 0;
  }();
  return kSlice;
}

bool is_clamped(const KernelAttributes& attributes) {
  uint32_t least = is_real_time(attributes.policy) ? kFullUtilization : 0;
  if (attributes.util_min == 0 && attributes.util_max == 0) return false;  // a kernel without CONFIG_UCLAMP_TASK
  return attributes.util_min != least || attributes.util_max != kFullUtilization;
}

image::Scheduling store(const KernelAttributes& attributes) {
  image::Scheduling state;
  state.set_policy(attributes.policy);
  state.set_nice(attributes.nice);
  state.set_priority(attributes.priority);
  state.set_reset_on_fork((attributes.flags & kResetOnFork) != 0);
  state.set_deadline_flags(attributes.flags & (kReclaim | kDeadlineOverrun));
  bool is_default = attributes.policy != kDeadline && attributes.runtime == default_slice();
  state.set_runtime(is_default ? 0 : attributes.runtime);
  state.set_deadline(attributes.deadline);
  state.set_period(attributes.period);
  state.set_utilization_at_least(is_clamped(attributes) ? attributes.util_min : 0);
  state.set_utilization_at_most(is_clamped(attributes) ? attributes.util_max : 0);
  return state;
}

KernelAttributes load(const image::Scheduling& state) {
  KernelAttributes attributes;
  attributes.policy = state.policy();
  attributes.nice = state.nice();
  attributes.priority = state.priority();
  attributes.flags = state.deadline_flags() | (state.reset_on_fork() ? kResetOnFork : 0);
  attributes.runtime = state.runtime();
  attributes.deadline = state.deadline();
  attributes.period = state.period();
  if (state.utilization_at_most() != 0) {
    attributes.flags |= kClampMin | kClampMax;
    attributes.util_min = state.utilization_at_least();
    attributes.util_max = state.utilization_at_most();
  }
  return attributes;
}

class SchedulingKind final : public AttributeKind<image::Scheduling, Level::kTask> {
 public:
  Reading<image::Scheduling> describe(DescribeContext&, const TaskView& task, tracee::Batch&) const override {
    return [state = store(attributes_of(task.thread().value))] { return std::optional(state); };
  }

  std::optional<image::Scheduling> describe_remains(DescribeContext&, const kernel::ProcDir& zombie) const override {
    return store(attributes_of(zombie.pid().value));
  }

  void apply(RestoreContext&, const image::Scheduling& state, RestoredTask& task) const override {
    KernelAttributes wanted = load(state);
    kernel::checked("sched_setattr", SYS_sched_setattr, task.thread().value, kernel::arg(&wanted), 0);
  }

  void check(CheckContext& context, const image::Scheduling& state) const override {
    if (has_capability(CAP_SYS_NICE)) return;
    constexpr int kNiceLimitIsZero = 20;  // RLIMIT_NICE counts from 20 downwards
    auto require = [&](bool met, std::string needed) {
      if (!met) context.add({"cairn", std::move(needed), false, "neither CAP_SYS_NICE nor a limit that allows it"});
    };
    int lowest = kNiceLimitIsZero - static_cast<int>(std::min<rlim_t>(own_limit(RLIMIT_NICE).rlim_cur, 40));
    require(state.nice() >= std::min(lowest, attributes_of(0).nice), fmt::format("a nice value of {}", state.nice()));
    require(state.priority() <= own_limit(RLIMIT_RTPRIO).rlim_cur,
            fmt::format("a real-time priority of {}", state.priority()));
    require(state.policy() != kDeadline, "the right to set the deadline policy");
  }
};

}  // namespace

const Kind& scheduling_kind() {
  static const SchedulingKind kKind;
  return kKind;
}

}  // namespace cairn::resources
