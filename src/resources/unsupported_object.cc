#include "resources/unsupported_object.h"

#include <linux/capability.h>

#include <array>
#include <optional>

#include "resources/own_rights.h"

namespace cairn::resources {
namespace {

constexpr int kCheckpointRestore = 40;  // CAP_CHECKPOINT_RESTORE, Linux 5.9

// By the names that the kernel gives to files that no path leads to.
struct Known {
  std::string_view name, reason, remedy;
};
constexpr std::array kKnown = {
    Known{"/SYSV", "it is System V shared memory (shmget), which only root can open, and of huge pages nobody",
          "run cairn as root (CAP_CHECKPOINT_RESTORE), or detach it (shmdt) before the checkpoint"},
    Known{"/secretmem", "it is secret memory (memfd_secret), which nobody but its process can read",
          "unmap and close it before the checkpoint"},
    Known{"/[aio]", "it is the ring of an asynchronous I/O context (io_setup)",
          "destroy the context (io_destroy) before the checkpoint"},
};

std::optional<Refusal> find_known(std::string_view name) {
  for (const Known& known : kKnown) {
    if (name.starts_with(known.name)) return Refusal{std::string(known.reason), std::string(known.remedy)};
  }
  return std::nullopt;
}

// What only root may open by the links of /proc/PID/map_files.
Refusal refuse_nameless(const std::string& name) {
  std::string what = name == "/dev/zero"           ? "shared anonymous memory"
                     : name.starts_with("/memfd:") ? fmt::format("the memfd '{}'", name.substr(7))
                                                   : fmt::format("{}, which was removed", name);
  if (has_capability(kCheckpointRestore)) {
    return {fmt::format("it maps {}, which can't be opened", what), "unmap it before the checkpoint"};
  }
  return {fmt::format("it maps {}, which only root can open", what),
          "run cairn as root (CAP_CHECKPOINT_RESTORE), or unmap it before the checkpoint"};
}

}  // namespace

Refusal refuse_object(const DescriptionView& view) {
  const std::string& link = view.link();
  if (link.ends_with(" (deleted)")) {
    if (auto known = find_known(link)) return *known;
  }
  std::string reason = fmt::format("it is {}, which cairn cannot keep yet", link);
  if (view.is_mapping()) return {reason, "unmap it before the checkpoint"};
  return {
      reason,
      fmt::format("close it before the checkpoint, or let a restore put something else there (--external '{}')", link)};
}

Refusal refuse_mapping(const kernel::MapsEntry& mapping) {
  if (mapping.deleted) {
    auto known = find_known(mapping.name);
    return known ? *known : refuse_nameless(mapping.name);
  }
  return {fmt::format("it maps {}, which is no regular file that can be opened", mapping.name),
          "unmap it before the checkpoint"};
}

}  // namespace cairn::resources
