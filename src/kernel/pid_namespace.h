// Ids in a pid namespace and in ours (pid_namespaces(7)): the same process has one in each namespace around it.
#pragma once

#include <optional>
#include <string>

#include "base/ids.h"
#include "base/owned_fd.h"
#include "kernel/procfs.h"

namespace cairn::kernel {

class PidNamespace {
 public:
  // Ours: ids are the same on both sides.
  PidNamespace() = default;
  // That of a process; ours, when it is in the same.
  static PidNamespace of(HostPid member);

  bool is_own() const { return link_.empty(); }
  // Our id of a living task or zombie of the namespace. Empty when there is none.
  std::optional<HostPid> find(NamespacePid id) const;
  // The same by a walk through /proc, for kernels before 6.11.
  std::optional<HostPid> search(NamespacePid id) const;

 private:
  OwnedFd file_;
  std::string link_;  // "pid:[4026532001]"
};

// Of a task's /proc/TID/status: its ids in its own pid namespace, which is the innermost. 0: not visible there.
struct NamespaceIds {
  NamespacePid process, thread, group, session;
};
NamespaceIds innermost_ids(const KeyValues& status);

}  // namespace cairn::kernel
