// eventfd(2): a 64-bit counter behind a descriptor. fdinfo shows counter and mode, so saving needs nothing from the
// task. Nothing of it is lost: waiters are tasks of their own and wait again.
#include <sys/eventfd.h>

#include "resources/files/eventfd.pb.h"
#include "resources/kind.h"

namespace cairn::resources {
namespace {

class EventfdKind final : public DescriptionKind<image::Eventfd> {
 public:
  bool recognises(const DescriptionView& view) const override { return view.link() == "anon_inode:[eventfd]"; }

  image::Eventfd describe(DescribeContext&, const DescriptionView& view) const override {
    image::Eventfd state;
    state.set_count(view.fdinfo().hex("eventfd-count"));
    state.set_semaphore(view.fdinfo().number("eventfd-semaphore") != 0);
    return state;
  }

  OwnedFd create(RestoreContext&, const image::Eventfd& state) const override {
    int flags = EFD_CLOEXEC | EFD_NONBLOCK | (state.semaphore() ? EFD_SEMAPHORE : 0);
    OwnedFd fd(static_cast<int>(kernel::checked("eventfd2", SYS_eventfd2, 0, flags)));
    uint64_t count = state.count();
    if (count != 0)
      kernel::write_all(fd.get(), &count, sizeof(count));  // eventfd2 takes 32 bits only, so the counter is written
    return fd;
  }
};

}  // namespace

const Kind& eventfd_kind() {
  static const EventfdKind kKind;
  return kKind;
}

}  // namespace cairn::resources
