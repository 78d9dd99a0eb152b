// Where processes are in the hierarchies of control groups, and where the groups' files are. Source: cgroups(7).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace cairn::kernel {

// A line of /proc/PID/cgroup: "4:memory:/a/b". The hierarchy of version 2 has the name "".
struct CgroupPlace {
  std::string hierarchy, path;
  bool operator==(const CgroupPlace&) const = default;
};
std::vector<CgroupPlace> parse_cgroups(std::string_view text);

// The group's directory; empty when its hierarchy isn't mounted.
std::optional<std::string> directory_of(const CgroupPlace& place);

// How many bytes of memory a process could take more, without anything that holds now having to give way: the least
// that is left by the host (MemAvailable) and by each of the groups that it is in. Pages of files that a group could
// drop count as used. Limits that can't be read are taken for none.
uint64_t memory_room(HostPid process);

}  // namespace cairn::kernel
