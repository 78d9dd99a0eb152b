#include "kernel/own_id_maps.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace cairn::kernel {
namespace {

bool write_text(const char* path, std::string_view text) {
  int file = ::open(path, O_WRONLY | O_CLOEXEC);
  bool done = file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  int error = errno;
  if (file >= 0) ::close(file);
  errno = error;
  return done;
}

}  // namespace

OwnIdMaps::OwnIdMaps()
    : users_(fmt::format("{0} {0} 1", ::geteuid())), groups_(fmt::format("{0} {0} 1", ::getegid())) {}

// An ordinary user has to give up setgroups(2) first (since Linux 3.19).
const char* OwnIdMaps::write() const {
  if (!write_text("/proc/self/setgroups", "deny")) return "write /proc/self/setgroups";
  if (!write_text("/proc/self/uid_map", users_)) return "write /proc/self/uid_map";
  return write_text("/proc/self/gid_map", groups_) ? nullptr : "write /proc/self/gid_map";
}

}  // namespace cairn::kernel
