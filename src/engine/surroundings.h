// The namespaces that a tree is expected to be in: cairn's own, or, when cairn has restored it, those of its
// cairn-init.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/pid_namespace.h"

namespace cairn::engine {

class Surroundings {
 public:
  explicit Surroundings(HostPid root);

  // The tree lives in a pid namespace that cairn has made for it; its ids are not those that we see.
  bool has_init() const { return init_.has_value(); }
  HostPid init() const { return init_->pid(); }
  // What the link ns/NAME of each process shall say.
  std::optional<std::string> expected(const std::string& link) const;
  // Mount points of the tree that cairn has not: a restore would lose what is mounted there.
  std::vector<std::string> added_mounts() const;
  // What cairn calls a path in the tree's mount namespace.
  std::string path(const std::string& path) const;
  // Whom a mounted /proc, that of the tree or ours, shows under this number.
  std::optional<HostPid> find(dev_t procfs, NamespacePid number) const;

 private:
  std::optional<kernel::ProcDir> init_;
  kernel::PidNamespace pids_;
};

// Whoever names a cairn-init means the tree below it.
HostPid root_of_tree(HostPid named);

// The cairn-init that a process descends from; none: it lives in a pid namespace without one.
std::optional<kernel::ProcDir> init_of(HostPid process);

}  // namespace cairn::engine
