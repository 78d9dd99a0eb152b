// signalfd(2): a mask of signals behind a descriptor, shown in fdinfo. The signals that can be read are those pending
// for whoever reads; they belong to tasks and processes, not to the descriptor.
#include <sys/signalfd.h>
#include <sys/syscall.h>

#include "resources/files/signalfd.pb.h"
#include "resources/kind.h"

namespace cairn::resources {
namespace {

class SignalfdKind final : public DescriptionKind<image::Signalfd> {
 public:
  bool recognises(const DescriptionView& view) const override { return view.link() == "anon_inode:[signalfd]"; }

  image::Signalfd describe(DescribeContext&, const DescriptionView& view) const override {
    image::Signalfd state;
    state.set_mask(view.fdinfo().hex("sigmask"));
    return state;
  }

  OwnedFd create(RestoreContext&, const image::Signalfd& state) const override {
    uint64_t mask = state.mask();
    return OwnedFd(static_cast<int>(
        kernel::checked("signalfd4", SYS_signalfd4, -1, kernel::arg(&mask), sizeof(mask), SFD_CLOEXEC)));
  }
};

}  // namespace

const Kind& signalfd_kind() {
  static const SignalfdKind kKind;
  return kKind;
}

}  // namespace cairn::resources
