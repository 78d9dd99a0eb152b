// Constants of the kernel that are newer than the headers Cairn may be built with (Linux 6.1), each with the version
// that brought it. The names differ from the kernel's, so that newer headers don't clash.
#pragma once

#include <cstdint>

namespace cairn::kernel {

// fcntl(2), include/uapi/linux/fcntl.h; F_LINUX_SPECIFIC_BASE is 1024.
inline constexpr int kDupfdQuery = 1024 + 3;    // F_DUPFD_QUERY, 6.10: is the argument the same open file description?
inline constexpr int kCreatedQuery = 1024 + 4;  // F_CREATED_QUERY, 6.12

}  // namespace cairn::kernel
