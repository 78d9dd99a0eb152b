// prctl(2) PR_SET_IO_FLUSHER, Linux 5.6: a task that handles block I/O, whose allocations must not wait for I/O. The
// two flags that it sets are seen in /proc/TID/stat. Setting it asks for CAP_SYS_RESOURCE.
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/own_rights.h"
#include "resources/process/io_flusher.pb.h"

namespace cairn::resources {
namespace {

constexpr uint64_t kNoIo = 0x00080000;           // PF_MEMALLOC_NOIO of linux/sched.h
constexpr uint64_t kLocalThrottle = 0x00100000;  // PF_LOCAL_THROTTLE
constexpr int kFlags = 9;                        // their field of stat

class IoFlusherKind final : public AttributeKind<image::IoFlusher, Level::kTask> {
 public:
  Reading<image::IoFlusher> describe(DescribeContext&, const TaskView& task, tracee::Batch&) const override {
    constexpr uint64_t kBoth = kNoIo | kLocalThrottle;
    bool on = (static_cast<uint64_t>(task.stat().field(kFlags)) & kBoth) == kBoth;
    return [on]() -> std::optional<image::IoFlusher> {
      if (!on) return {};
      image::IoFlusher state;
      state.set_on(true);
      return state;
    };
  }

  void apply(RestoreContext&, const image::IoFlusher& state, RestoredTask& task) const override {
    if (state.on()) task.room(1).call(SYS_prctl, PR_SET_IO_FLUSHER, 1, 0, 0, 0);
  }

  void check(CheckContext& context, const image::IoFlusher&) const override {
    if (has_capability(CAP_SYS_RESOURCE)) return;
    context.add({"cairn", "the right to make I/O flushers (CAP_SYS_RESOURCE)", false, "it hasn't"});
  }
};

}  // namespace

const Kind& io_flusher_kind() {
  static const IoFlusherKind kKind;
  return kKind;
}

}  // namespace cairn::resources
