// Character devices that keep no state behind a descriptor: null, zero, full, random and urandom, known by their
// numbers. They are opened again by path. Every other device is left unrecognised and so refused by its name.
#include <fcntl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>

#include "resources/file_path.h"
#include "resources/files/device.pb.h"
#include "resources/kind.h"

namespace cairn::resources {
namespace {

// Documentation/admin-guide/devices.txt: null, zero, full, random, urandom.
constexpr unsigned kMemoryMajor = 1;
constexpr std::array kStateless = {3U, 5U, 7U, 8U, 9U};

bool is_stateless(dev_t device) {
  return major(device) == kMemoryMajor &&
         std::find(kStateless.begin(), kStateless.end(), minor(device)) != kStateless.end();
}

class DeviceKind final : public DescriptionKind<image::Device> {
 public:
  bool recognises(const DescriptionView& view) const override {
    return view.is(S_IFCHR) && (view.flags() & O_PATH) == 0 && is_stateless(view.stat().st_rdev);
  }

  image::Device describe(DescribeContext& context, const DescriptionView& view) const override {
    image::Device state;
    auto path = describe_path(context, view);
    if (!path) return state;
    *state.mutable_path() = std::move(*path);
    state.set_flags(static_cast<uint32_t>(view.flags()));
    state.set_major(major(view.stat().st_rdev));
    state.set_minor(minor(view.stat().st_rdev));
    return state;
  }

  void check(CheckContext& context, const image::Device& state) const override {
    const std::string& path = state.path().path();
    auto found = kernel::try_stat_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
    bool met = found && S_ISCHR(found->st_mode) && found->st_rdev == makedev(state.major(), state.minor());
    context.add({.object = "device " + path,
                 .needed = fmt::format("must be character device {}:{}", state.major(), state.minor()),
                 .met = met,
                 .found = met     ? ""
                          : found ? "something else"
                                  : "nothing"});
  }

  OwnedFd create(RestoreContext& context, const image::Device& state) const override {
    return open_path(context, state.path(), static_cast<int>(state.flags()));
  }
};

}  // namespace

const Kind& device_kind() {
  static const DeviceKind kKind;
  return kKind;
}

}  // namespace cairn::resources
