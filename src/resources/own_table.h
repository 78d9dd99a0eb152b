// Acting from a certain descriptor number. The kernel remembers under which number an epoll item was added, and which
// number F_SETFL with O_ASYNC was given, and tells it to the program; in the supervisor that number means something
// else. The same for the working directory, which some calls take where they take no O_PATH descriptor.
#pragma once

#include <functional>

namespace cairn::resources {

// Runs `body` on a thread with a copy of our descriptor table, in which numbers can be overwritten at will. An Error
// that it throws is thrown here.
void with_own_table(const std::function<void()>& body);
// The same on a thread with a working directory of its own.
void with_own_directory(const std::function<void()>& body);

}  // namespace cairn::resources
