#include "kernel/cgroups.h"

#include <algorithm>
#include <charconv>

#include "kernel/calls.h"
#include "kernel/procfs.h"

namespace cairn::kernel {
namespace {

// In a list with commas between the names.
bool has_name(std::string_view list, std::string_view name) {
  return fmt::format(",{},", list).find(fmt::format(",{},", name)) != std::string::npos;
}

bool is_mount_of(const MountEntry& mount, const std::string& hierarchy) {
  if (hierarchy.empty()) return mount.file_system == "cgroup2";
  return mount.file_system == "cgroup" && has_name(mount.super_options, hierarchy);
}

// A file that holds one number; empty when it isn't there or says "max".
std::optional<uint64_t> try_number(const std::string& path) {
  std::optional<OwnedFd> file = try_open_at(AT_FDCWD, path, O_RDONLY);
  if (!file) return {};
  std::string text = read_all(file->get());
  uint64_t number = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc()) return {};
  return number;
}

struct MemoryFiles {
  const char* limit;
  const char* soft_limit;  // above it a group is slowed down
  const char* usage;
};

std::optional<MemoryFiles> memory_files(const CgroupPlace& place) {
  if (place.hierarchy.empty()) return MemoryFiles{"memory.max", "memory.high", "memory.current"};
  if (!has_name(place.hierarchy, "memory")) return {};
  return MemoryFiles{"memory.limit_in_bytes", "memory.limit_in_bytes", "memory.usage_in_bytes"};
}

// From the group up to the root of what is mounted.
uint64_t room_in_groups(CgroupPlace place, const MemoryFiles& files) {
  uint64_t room = UINT64_MAX;
  while (true) {
    std::optional<std::string> directory = directory_of(place);
    if (!directory) return room;
    auto usage = try_number(fmt::format("{}/{}", *directory, files.usage));
    for (const char* file : {files.limit, files.soft_limit}) {
      auto limit = try_number(fmt::format("{}/{}", *directory, file));
      if (limit && usage) room = std::min(room, *limit - std::min(*limit, *usage));
    }
    if (place.path.size() <= 1) return room;
    place.path.resize(std::max<size_t>(place.path.rfind('/'), 1));
  }
}

}  // namespace

std::vector<CgroupPlace> parse_cgroups(std::string_view text) {
  std::vector<CgroupPlace> places;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    size_t first = text.find(':', at), second = text.find(':', first + 1);
    if (second < end)
      places.push_back({std::string(text.substr(first + 1, second - first - 1)),
                        std::string(text.substr(second + 1, end - second - 1))});
    at = end + 1;
  }
  return places;
}

std::optional<std::string> directory_of(const CgroupPlace& place) {
  static const auto kMounts = parse_mountinfo(read_file("/proc/self/mountinfo"));
  for (const MountEntry& mount : kMounts) {
    if (is_mount_of(mount, place.hierarchy) && (mount.root == "/" || mount.root.empty()))
      return mount.mount_point + place.path;
  }
  return {};
}

uint64_t memory_room(HostPid process) {
  uint64_t room = KeyValues::parse(read_file("/proc/meminfo")).number("MemAvailable") << 10;
  for (const CgroupPlace& place : parse_cgroups(read_file(fmt::format("/proc/{}/cgroup", process.value)))) {
    if (auto files = memory_files(place)) room = std::min(room, room_in_groups(place, *files));
  }
  return room;
}

}  // namespace cairn::kernel
