// What a kind can use while it restores. Implemented by the engine.
#pragma once

#include <sys/syscall.h>

#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "graph/births.h"
#include "graph/plan.h"
#include "graph/records.h"
#include "image/reader.h"
#include "memory/extents.h"
#include "resources/moment.h"
#include "resources/once.h"
#include "tracee/batch.h"

namespace cairn::resources {

// A task of the new tree, held in a stop; what it has not run yet is in its batch.
class RestoredTask {
 public:
  RestoredTask(RecordId record, tracee::Task task, tracee::BatchSpace& space, size_t slot)
      : record_(record), task_(std::move(task)), batch_(space, slot, task_) {}
  RestoredTask(const RestoredTask&) = delete;
  RecordId record() const { return record_; }
  tracee::Task& task() { return task_; }
  tracee::Batch& batch() { return batch_; }
  HostPid process() const { return task_.process(); }
  HostPid thread() const { return task_.thread(); }
  // Adds room for `calls` more calls and `bytes` of arguments, flushing first when they don't fit.
  tracee::Batch& room(size_t calls, size_t bytes = 0) {
    if (!batch_.fits(calls, bytes)) batch_.flush();
    return batch_;
  }
  // Takes one pending signal of this set away, if there is one.
  void take_pending(uint64_t signals) {
    tracee::Batch& batch = room(1, sizeof(signals) + sizeof(timespec));
    batch.try_call(SYS_rt_sigtimedwait, batch.put(signals), 0, batch.put(timespec{}), sizeof(signals));
  }

 private:
  RecordId record_;
  tracee::Task task_;
  tracee::Batch batch_;
};

// The mappings (by their index in the record) and pages that an address space holds before it is made.
struct HeldMemory {
  std::vector<int> mappings;
  memory::Extents pages;
};

// What the user gives for an end outside the tree (restore --inherit): a descriptor of ours, or a path.
struct Inherited {
  int fd = -1;
  std::string path;
};

class RestoreContext {
 public:
  virtual ~RestoreContext() = default;

  virtual const graph::RecordSet& records() const = 0;
  virtual const graph::Tree& tree() const = 0;
  virtual const graph::Births& births() const = 0;
  virtual const image::Reader& image() const = 0;
  const Moment& moment() const { return moment_; }

  // Objects that live behind a descriptor of ours until every task has its own.
  virtual void keep(RecordId record, OwnedFd fd) = 0;  // an empty fd is allowed: nothing to keep
  virtual int fd(RecordId record) const = 0;           // -1 when nothing was kept

  // The held task for a task record, the leader of a process record, or the acting task of a shared structure.
  virtual RestoredTask& actor_of(RecordId record) = 0;
  // The stripped process from which the root is cloned.
  virtual RestoredTask& planter() = 0;
  // Says that `creator`'s batch clones this task; it is held from the moment that somebody asks for it.
  virtual void expect_birth(RecordId task, RestoredTask& creator) = 0;
  // A temporary task that `creator` clones with these flags, until end_temporary() has killed and reaped it.
  virtual RestoredTask& begin_temporary(RestoredTask& creator, uint64_t flags) = 0;
  virtual void end_temporary(RestoredTask& creator) = 0;
  // Lets the single task of a zombie end as its record says (its batch may end in exit_group); the zombie is its
  // parent's.
  virtual void end(RecordId process) = 0;
  // Lets a phantom die and be reaped.
  virtual void end_phantom(RecordId process) = 0;

  // The number at which every bare task has the socket that hand_over() works through: above all numbers of the image.
  virtual int socket_number() const = 0;
  // Gives the task duplicates of our descriptors, at the lowest numbers that are free in it, and returns them. Runs its
  // batch.
  virtual std::vector<int> hand_over(RestoredTask& task, std::span<const int> fds) = 0;
  // What an address space holds so far, and with it what tasks cloned from it inherit.
  virtual HeldMemory& held_memory(RecordId mm) = 0;

  // Where the root comes from: cloned by the planter as its child (which then exits) or as its sibling (a child of
  // cairn), or the planter itself (a sibling of cairn).
  enum class Root { kChildOfPlanter, kSiblingOfPlanter, kPlanter };
  virtual Root root_origin() const = 0;
  // Ids outside the tree: 0 means "start your own".
  virtual bool root_starts_session() const = 0;

  // /proc/PID/status of a new task, as cairn sees it; null: it has cairn's own credentials.
  virtual const kernel::KeyValues* birth_status() const { return nullptr; }
  // For cairn's own calls, what a path of the tree leads to in the tree's mount namespace.
  virtual std::string path_in_tree(const std::string& path) const { return path; }

  // For what must come after all else, while the tree is still held: watching what the restore itself would stir,
  // ending what stood in for something that is gone. Our descriptors are closed by then, so an action brings its own.
  void at_end(std::function<void()> action) { last_actions_.push_back(std::move(action)); }
  // The engine's.
  void run_last_actions() {
    for (const auto& action : last_actions_) action();
    last_actions_.clear();
  }

  // What was given for the end of this name; null when nothing was.
  virtual const Inherited* inherited(const std::string& /*name*/) const { return nullptr; }

  // One object of this type for the whole restore.
  template <typename T>
  T& once() {
    return once_.get<T>();
  }

 protected:
  Moment moment_ = Moment::now();

 private:
  std::vector<std::function<void()>> last_actions_;
  Once once_;
};

}  // namespace cairn::resources
