// Names of unix sockets in the file system (unix(7)). What getsockname(2) tells is the text that bind(2) was given,
// which may be relative, or lead through another root; so the text is bound by a short-lived child that stands where it
// leads to the right place.
#pragma once

#include <optional>
#include <string>

#include "base/owned_fd.h"

namespace cairn::kernel {

// An O_PATH descriptor of the node that a socket is bound to (SIOCUNIXFILE, which takes CAP_NET_ADMIN); empty without
// the right, and when there is none.
std::optional<OwnedFd> try_bound_node(int socket);

// Binds to `name` as seen from `directory`: as root directory for an absolute name, as working directory for a relative
// one. The node is made with the mode that the umask of cairn leaves.
void bind_from(int socket, const std::string& name, const std::string& directory);
// Binds to a name that leads nowhere: its node is in a file system that nobody can see and that lasts as long as
// somebody holds it. Returns an O_PATH descriptor of the node, by which others can connect.
OwnedFd bind_out_of_sight(int socket, const std::string& name);
// An address by which our own tasks reach a node of which they have a descriptor with this number.
std::string path_of_descriptor(int number);

// True when no socket is bound to this node (an O_PATH descriptor): asking does not disturb one that is.
bool is_dead_node(int node);

}  // namespace cairn::kernel
