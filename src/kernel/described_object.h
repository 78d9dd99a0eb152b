// How messages name the object of a failed call: by its path where there is one. Private to src/kernel.
#pragma once

#include <string>

namespace cairn::kernel {

// "/var/log/x" or "socket:[123]": what /proc/self/fd says of our descriptor; "descriptor 7" if it says nothing.
std::string describe_descriptor(int fd);
// A path below a directory descriptor (or AT_FDCWD).
std::string describe_path(int directory, const std::string& path);
// Throws the Error "<call> <object>: <errno text>" for a negative errno value.
[[noreturn]] void fail(const char* call, const std::string& object, long negative_errno);

}  // namespace cairn::kernel
