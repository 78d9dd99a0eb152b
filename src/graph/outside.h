// Who else on this host has something that the tree has: the descriptors and mappings of all processes that are neither
// in the tree nor cairn's own, indexed on the first question. The tree is held meanwhile, so nothing can come out of
// it; what an outsider does while the index is built may be missed.
//
// What can't be seen: processes of other pid namespaces, threads with a descriptor table of their own, and, for an
// ordinary user, processes of others: sees_all() is false then, and it takes other means to be sure.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "kernel/procfs.h"

namespace cairn::graph {

class Outside {
 public:
  struct Holder {
    HostPid pid;
    std::string command;
    std::string text() const;  // "process 42 (sshd)"
  };

  explicit Outside(std::set<HostPid> inside);
  Outside(Outside&&) = default;

  // Who has a descriptor with this link ("pipe:[123]", "/run/queue").
  std::optional<Holder> holder_of(const std::string& link);
  std::vector<HostPid> holders_of(const std::string& link);
  // Who has a descriptor of a file that has lost its name, or was made without one.
  std::optional<Holder> holder_of_nameless(dev_t device, ino_t inode);
  // Who maps such a file.
  std::optional<Holder> mapper_of_nameless(dev_t device, ino_t inode);
  // Who has this id, or is in the session or process group with this id; cairn counts too.
  std::optional<Holder> user_of_id(pid_t id);
  bool sees_all();

 private:
  using File = std::pair<dev_t, ino_t>;

  void each_process(void (Outside::*index)(const kernel::ProcDir&));
  void index_descriptors();
  void index_descriptors_of(const kernel::ProcDir& process);
  void index_ids();
  void index_ids_of(const kernel::ProcDir& process);
  void index_mappings();
  void index_mappings_of(const kernel::ProcDir& process);

  std::set<HostPid> inside_;
  bool has_descriptors_ = false, has_mappings_ = false, has_ids_ = false;
  bool sees_all_ = true;
  std::map<pid_t, HostPid> ids_;
  std::multimap<std::string, HostPid> by_link_;
  std::multimap<File, HostPid> nameless_, mapped_;
};

}  // namespace cairn::graph
