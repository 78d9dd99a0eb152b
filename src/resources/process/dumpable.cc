// prctl(2) PR_SET_DUMPABLE: whether an address space may be dumped and traced: 0 no, 1 yes, 2 by root only. Mode 2
// can't be asked for: the kernel gives it at a change of credentials where the sysctl fs.suid_dumpable is 2, which then
// is a precondition; so credentials are changed and changed back.
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <charconv>

#include "resources/kind.h"
#include "resources/process/dumpable.pb.h"

namespace cairn::resources {
namespace {

constexpr uint32_t kByRootOnly = 2;

class DumpableKind final : public AttributeKind<image::Dumpable, Level::kMm> {
 public:
  Reading<image::Dumpable> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    auto mode = batch.call(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
    return [mode] {
      image::Dumpable state;
      state.set_mode(static_cast<uint32_t>(mode.value()));
      return std::optional(state);
    };
  }

  void apply(RestoreContext&, const image::Dumpable& state, RestoredTask& task) const override {
    if (state.mode() == kByRootOnly) return become_dumpable_by_root(task);
    task.room(1).call(SYS_prctl, PR_SET_DUMPABLE, state.mode(), 0, 0, 0);
  }

  void check(CheckContext& context, const image::Dumpable& state) const override {
    if (state.mode() != kByRootOnly) return;
    std::string text = kernel::read_file("/proc/sys/fs/suid_dumpable");
    if (text.starts_with("2")) return;
    context.add({"sysctl fs.suid_dumpable", "2, as a process has its memory dumped by root only", false,
                 text.substr(0, text.find('\n'))});
  }

 private:
  // A task that may not change its group has had its credentials changed before, or could never get there.
  static void become_dumpable_by_root(RestoredTask& task) {
    constexpr uint32_t kNoId = ~uint32_t{0}, kOtherGroup = 1;
    tracee::Batch& batch = task.room(5);
    auto group = batch.call(SYS_setfsgid, kNoId);  // which changes nothing
    batch.call(SYS_setfsgid, 0);
    batch.call(SYS_setfsgid, kOtherGroup);
    batch.call(SYS_setfsgid, group);
    auto mode = batch.call(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
    batch.flush();
    if (mode.value() != kByRootOnly)
      throw Error(fmt::format("process {} can't be made dumpable by root only", task.process().value));
  }
};

}  // namespace

const Kind& dumpable_kind() {
  static const DumpableKind kKind;
  return kKind;
}

}  // namespace cairn::resources
