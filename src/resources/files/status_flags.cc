// What every open file description has: the status flags that fcntl(2) can change afterwards, and who gets its SIGIO
// (F_SETOWN_EX, F_SETSIG). Flags that only open(2) takes are the business of the description's own kind. Refused by
// name: directories with an owner, which are watched by F_NOTIFY.
#include <fcntl.h>
#include <sys/syscall.h>

#include "resources/files/status_flags.pb.h"
#include "resources/kind.h"
#include "resources/own_table.h"

namespace cairn::resources {
namespace {

constexpr int kSettable = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME;

image::StatusFlags::OwnerType owner_type(int type) {
  if (type == F_OWNER_TID) return image::StatusFlags::OWNER_TASK;
  return type == F_OWNER_PID ? image::StatusFlags::OWNER_PROCESS : image::StatusFlags::OWNER_GROUP;
}

class StatusFlagsKind final : public DescriptionAttributeKind<image::StatusFlags> {
 public:
  std::optional<image::StatusFlags> describe(DescribeContext& context, const DescriptionView& view) const override {
    image::StatusFlags state;
    state.set_flags(static_cast<uint32_t>(view.flags()));
    if (view.is_mapping() || (view.flags() & O_PATH) != 0) return state;
    if ((view.flags() & O_ASYNC) != 0) state.set_signal_number(view.number());
    state.set_signal(kernel::fcntl(view.fd(), F_GETSIG));
    f_owner_ex owner{};
    kernel::fcntl(view.fd(), F_GETOWN_EX, kernel::arg(&owner));
    if (owner.pid == 0) return state;
    if (view.is(S_IFDIR)) refuse_notifications(context);
    state.set_owner_type(owner_type(owner.type));
    RecordId id = owner.type == F_OWNER_TID ? context.task({owner.pid}) : context.process({owner.pid});
    if (!id) {
      context.obstacle(fmt::format("its SIGIO goes to {} {}, which is outside the tree",
                                   owner.type == F_OWNER_PGRP ? "process group" : "process", owner.pid),
                       "checkpoint from an ancestor of both, or take the owner away (F_SETOWN 0)",
                       "signals to outsiders");
    }
    state.mutable_owner()->set_id(id.value);
    return state;
  }

  void apply(RestoreContext& context, const image::StatusFlags& state, int fd) const override {
    if (fd < 0 || (state.flags() & O_PATH) != 0) return;
    if (state.signal() != 0) kernel::fcntl(fd, F_SETSIG, state.signal());
    if (state.owner().id() != 0) set_owner(context, state, fd);
    int flags = kernel::fcntl(fd, F_GETFL);
    int wanted = (flags & ~kSettable) | (static_cast<int>(state.flags()) & kSettable);
    if ((wanted & O_ASYNC) != 0) {
      set_from(state.signal_number(), fd, wanted);
    } else if (wanted != flags) {
      kernel::fcntl(fd, F_SETFL, wanted);
    }
  }

 private:
  // F_NOTIFY is what gives a directory an owner. It shows nowhere else.
  static void refuse_notifications(DescribeContext& context) {
    context.obstacle("its program is told of changes in the directory (dnotify), and of which shows nowhere",
                     "close it before the checkpoint, or take the owner away (F_SETOWN 0); inotify(7) can be kept",
                     "dnotify");
  }

  // SIGIO tells (si_fd) the number at which O_ASYNC was set. Which it was shows nowhere; the first at which the
  // description was found is nearly always right.
  static void set_from(int number, int fd, int flags) {
    with_own_table([&] {
      if (number != fd) kernel::checked("dup3", SYS_dup3, fd, number, O_CLOEXEC);
      kernel::fcntl(number, F_SETFL, flags);
    });
  }

  static void set_owner(RestoreContext& context, const image::StatusFlags& state, int fd) {
    RestoredTask& target = context.actor_of({state.owner().id()});
    f_owner_ex owner{};
    owner.type = state.owner_type() == image::StatusFlags::OWNER_TASK      ? F_OWNER_TID
                 : state.owner_type() == image::StatusFlags::OWNER_PROCESS ? F_OWNER_PID
                                                                           : F_OWNER_PGRP;
    owner.pid = target.thread().value;
    kernel::fcntl(fd, F_SETOWN_EX, kernel::arg(&owner));
  }
};

}  // namespace

const Kind& status_flags_kind() {
  static const StatusFlagsKind kKind;
  return kKind;
}

}  // namespace cairn::resources
