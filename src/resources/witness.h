// A process outside the tree that a task of the tree may look at as far as ids and capabilities go. When the kernel
// still says no to the task, something else keeps it apart from the rest of the host.
#pragma once

#include <sys/types.h>

#include <optional>

#include "base/ids.h"
#include "base/owned_fd.h"

namespace cairn::resources {

struct WitnessIds {
  uid_t user = 0;
  gid_t group = 0;
  int user_namespace = -1, pid_namespace = -1;  // to be joined; -1: cairn's own
};

// A fork of cairn with these ids, without capabilities and descriptors. It ends with this object, or with cairn.
class Witness {
 public:
  explicit Witness(const WitnessIds& ids);
  Witness(const Witness&) = delete;
  ~Witness();
  // In its own pid namespace. Empty: it can't be had here.
  std::optional<NamespacePid> pid() const { return pid_; }

 private:
  OwnedFd line_;
  HostPid child_{};
  std::optional<NamespacePid> pid_;
};

}  // namespace cairn::resources
