// An end outside the tree, of any sort: a pipe to another program, a connection, a device. Only those that the user has
// named are taken for one (checkpoint --external NAME): what is behind them isn't kept, and what is on its way may be
// lost. A restore needs something else in its place (restore --inherit NAME=fd:N|path:FILE), which the user chooses; it
// must only allow the same reading and writing.
#include <fcntl.h>

#include "resources/files/external.pb.h"
#include "resources/kind.h"

namespace cairn::resources {
namespace {

bool allows(int given, int wanted) {
  return (given & O_ACCMODE) == O_RDWR || (given & O_ACCMODE) == (wanted & O_ACCMODE);
}

class ExternalKind final : public DescriptionKind<image::External> {
 public:
  // The engine asks this kind, and no other, for what the user has named.
  bool recognises(const DescriptionView&) const override { return false; }

  image::External describe(DescribeContext&, const DescriptionView& view) const override {
    image::External state;
    state.set_name(view.link());
    state.set_mode(view.stat().st_mode & S_IFMT);
    state.set_flags(static_cast<uint32_t>(view.flags()));
    if (view.is(S_IFREG)) state.set_position(static_cast<int64_t>(view.fdinfo().number("pos")));
    return state;
  }

  // Not to wait for the other end of a fifo; the flag is set right with the other status flags.
  OwnedFd create(RestoreContext& context, const image::External& state) const override {
    const Inherited* given = context.inherited(state.name());
    if (given == nullptr) throw Error("nothing was given for " + state.name());
    if (given->fd >= 0) return kernel::duplicate(given->fd);
    OwnedFd fd = kernel::open(given->path, (static_cast<int>(state.flags()) & ~O_ASYNC) | O_NONBLOCK | O_NOCTTY);
    if (state.has_position() && S_ISREG(kernel::fstat(fd.get()).st_mode)) {
      kernel::seek(fd.get(), state.position(), SEEK_SET);
    }
    return fd;
  }

  void check(CheckContext& context, const image::External& state) const override {
    const Inherited* given = context.inherited(state.name());
    std::string found = given == nullptr ? "nothing" : problem(*given, static_cast<int>(state.flags()));
    context.add(
        {"end outside " + state.name(),
         fmt::format("something must be given in its place: --inherit '{0}=fd:N' or '{0}=path:FILE'", state.name()),
         found.empty(), found});
  }

 private:
  static std::string problem(const Inherited& given, int flags) {
    if (given.fd < 0) return kernel::try_stat_at(AT_FDCWD, given.path) ? "" : given.path + ", which isn't there";
    long opened = kernel::call("F_GETFL", SYS_fcntl, given.fd, F_GETFL);
    if (opened < 0) return fmt::format("descriptor {}, which isn't open", given.fd);
    return allows(static_cast<int>(opened), flags)
               ? ""
               : fmt::format("descriptor {}, which isn't open for the same", given.fd);
  }
};

}  // namespace

const Kind& external_kind() {
  static const ExternalKind kKind;
  return kKind;
}

}  // namespace cairn::resources
