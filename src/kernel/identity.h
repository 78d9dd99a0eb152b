// Which descriptors are one open file description, and which tasks share one memory, descriptor table and so on: groups
// of equal kernel objects, each with a stable index in the order of their first appearance.
//
// kcmp(2) compares two objects in an order that holds until the next boot, so a new one finds its place among n by
// binary search. Among few descriptors of one inode asking each by F_DUPFD_QUERY (Linux 6.10) is cheaper still.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/owned_fd.h"

namespace cairn::kernel {

class DescriptionIndex {
 public:
  // The index of the description behind `fd`, a descriptor of our own (from pidfd_getfd, say). The first descriptor of
  // a description is kept, the others are closed.
  size_t find_or_add(OwnedFd fd);
  // Our descriptor of a description.
  int fd(size_t id) const { return descriptors_[id].get(); }
  size_t size() const { return descriptors_.size(); }

 private:
  using Inode = std::pair<uint64_t, uint64_t>;  // device, number
  // The descriptions of one inode. All anonymous ones (eventfd, epoll, timerfd ...) have the same, so it may be long.
  struct Bucket {
    std::vector<size_t> ids;  // in the order of kcmp once `ordered`
    bool ordered = false;
  };

  std::optional<size_t> search_each(const std::vector<size_t>& ids, int fd) const;
  std::optional<size_t> search_ordered(const Bucket& bucket, int fd, size_t& place) const;
  std::optional<size_t> search_everywhere(int fd) const;
  void order(Bucket& bucket);
  size_t add(std::vector<size_t>& ids, size_t place, OwnedFd fd);

  std::vector<OwnedFd> descriptors_;
  std::map<Inode, Bucket> buckets_;
  std::vector<size_t> homeless_;  // whose inode couldn't be asked for
  bool can_order_ = true;         // false when kcmp is missing or forbidden
};

// Groups tasks by one of the objects that clone(2) can make them share. `type` is KCMP_VM, KCMP_FILES, KCMP_FS,
// KCMP_SIGHAND, KCMP_IO or KCMP_SYSVSEM. Two tasks that have no such object at all (no semaphore undo list, no I/O
// context, no memory since they are zombies) count as equal.
class SharedObjectIndex {
 public:
  explicit SharedObjectIndex(int type) : type_(type) {}
  // An Error when the task is gone or may not be inspected.
  size_t find_or_add(HostPid task);
  // The first task that had it.
  HostPid task(size_t id) const { return tasks_[id]; }
  size_t size() const { return tasks_.size(); }

 private:
  int type_;
  std::vector<HostPid> tasks_;
  std::vector<size_t> ids_;  // in the order of kcmp
};

}  // namespace cairn::kernel
