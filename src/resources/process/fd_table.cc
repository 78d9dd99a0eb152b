// A descriptor table (files_struct): which open file description stands at which number, and close-on-exec.
// Numbers come from /proc/PID/fd, the flag from F_GETFD in the task. A description itself is another record.
#include <fcntl.h>
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/process/fd_table.pb.h"

namespace cairn::resources {
namespace {

class FdTableKind final : public TypedKind<image::FdTable>, public AnyStructureKind {
 public:
  graph::Shape shape() const override { return graph::Shape::kShared; }
  Level level() const override { return Level::kFiles; }

  AnyReading describe_any(DescribeContext& context, const TaskView& task, tracee::Batch& batch) const override {
    auto state = std::make_shared<image::FdTable>();
    std::vector<tracee::Pending> flags;
    for (int number : task.process().proc.list_numbers("fd")) {
      Place place(context, fmt::format("descriptor {}", number));
      RecordId description = context.description(task.process().pid, number);
      image::Descriptor* entry = state->add_descriptors();
      entry->set_number(number);
      entry->mutable_description()->set_id(description.value);
      flags.push_back(room(batch, 1, 0).call(SYS_fcntl, number, F_GETFD));
    }
    return [state, flags = std::move(flags)] {
      for (size_t i = 0; i < flags.size(); ++i) {
        state->mutable_descriptors(static_cast<int>(i))->set_close_on_exec((flags[i].value() & FD_CLOEXEC) != 0);
      }
      return std::make_unique<image::FdTable>(std::move(*state));
    };
  }

  // The i-th descriptor comes in at number i, which is at most its own; so moving them from the last to the first never
  // meets one that is still to be moved.
  void reach(RestoreContext& context, const Record& record, Milestone) const override {
    const auto& state = record.as<image::FdTable>();
    RestoredTask& task = context.actor_of(record.id);
    std::vector<int> fds;
    for (const image::Descriptor& entry : state.descriptors()) fds.push_back(context.fd({entry.description().id()}));
    std::vector<int> arrived = context.hand_over(task, fds);
    for (size_t i = arrived.size(); i-- > 0;) {
      const image::Descriptor& entry = state.descriptors(static_cast<int>(i));
      CAIRN_ASSERT(arrived[i] <= entry.number());
      if (arrived[i] != entry.number()) {
        task.room(2).call(SYS_dup3, arrived[i], entry.number(), entry.close_on_exec() ? O_CLOEXEC : 0);
        task.batch().call(SYS_close, arrived[i]);
      } else if (entry.close_on_exec()) {
        task.room(1).call(SYS_fcntl, entry.number(), F_SETFD, FD_CLOEXEC);
      }
    }
    task.room(1).call(SYS_close, context.socket_number());
  }
};

}  // namespace

const Kind& fd_table_kind() {
  static const FdTableKind kKind;
  return kKind;
}

}  // namespace cairn::resources
