// Numbers that must not be mixed up have types of their own.
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <functional>

namespace cairn {

// A process or thread id as cairn's own pid namespace (and its /proc) sees it.
struct HostPid {
  pid_t value = 0;
  auto operator<=>(const HostPid&) const = default;
};

// A process or thread id as the task itself sees it, in its own pid namespace.
struct NamespacePid {
  pid_t value = 0;
  auto operator<=>(const NamespacePid&) const = default;
};

// An address in the address space of a task. It can't be dereferenced here.
struct RemoteAddress {
  uint64_t value = 0;
  auto operator<=>(const RemoteAddress&) const = default;
  RemoteAddress operator+(uint64_t bytes) const { return {value + bytes}; }
};

// The number of a record in an image; 0 is none.
struct RecordId {
  uint64_t value = 0;
  auto operator<=>(const RecordId&) const = default;
  explicit operator bool() const { return value != 0; }
};

}  // namespace cairn

template <>
struct std::hash<cairn::RecordId> {
  size_t operator()(cairn::RecordId id) const noexcept { return std::hash<uint64_t>{}(id.value); }
};
template <>
struct std::hash<cairn::HostPid> {
  size_t operator()(cairn::HostPid pid) const noexcept { return std::hash<pid_t>{}(pid.value); }
};
