// The name of a task: up to 15 bytes of any kind, shown by /proc/TID/comm, set by prctl(2) PR_SET_NAME.
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/process/comm.pb.h"

namespace cairn::resources {
namespace {

class CommKind final : public AttributeKind<image::Comm, Level::kTask> {
 public:
  Reading<image::Comm> describe(DescribeContext& context, const TaskView& task, tracee::Batch&) const override {
    return [state = describe_remains(context, task.proc())] { return state; };
  }

  std::optional<image::Comm> describe_remains(DescribeContext&, const kernel::ProcDir& proc) const override {
    std::string name = proc.read("comm");
    if (!name.empty()) name.pop_back();  // the newline that the kernel adds
    image::Comm state;
    state.set_name(name);
    return state;
  }

  void apply(RestoreContext&, const image::Comm& state, RestoredTask& task) const override {
    tracee::Batch& batch = task.room(1, state.name().size() + 1);
    batch.call(SYS_prctl, PR_SET_NAME, batch.put(state.name()), 0, 0, 0);
  }
};

}  // namespace

const Kind& comm_kind() {
  static const CommKind kKind;
  return kKind;
}

}  // namespace cairn::resources
