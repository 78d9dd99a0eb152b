// What a kind can see and say while it describes: the held tree on one side, the records and obstacles on the other.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "graph/obstacle.h"
#include "graph/outside.h"
#include "graph/records.h"
#include "image/writer.h"
#include "kernel/procfs.h"
#include "memory/shared_pages.h"
#include "resources/moment.h"
#include "resources/once.h"
#include "resources/toggle_journal.h"
#include "tracee/batch.h"
#include "tracee/hold.h"

namespace cairn::resources {

// One held task, as attribute kinds see it.
class TaskView {
 public:
  TaskView(tracee::HeldProcess& process, tracee::Task& task);
  TaskView(TaskView&&) = default;
  tracee::HeldProcess& process() const { return *process_; }
  tracee::Task& task() const { return *task_; }
  HostPid thread() const { return task_->thread(); }
  const kernel::ProcDir& proc() const { return proc_; }  // /proc/PID/task/TID
  const kernel::KeyValues& status() const;               // read once
  const kernel::Stat& stat() const;                      // read once
  bool leads_session() const { return stat().session() == process_->pid.value; }

 private:
  tracee::HeldProcess* process_;
  tracee::Task* task_;
  kernel::ProcDir proc_;
  mutable std::optional<kernel::KeyValues> status_;
  mutable std::optional<kernel::Stat> stat_;
};

// One open file description, through a duplicate of our own (pidfd_getfd) or, for the file behind a mapping, one that
// was opened by its map_files link. Reading through it must not change the object: no read(2), no seek.
class DescriptionView {
 public:
  // `number` is the descriptor in `holder`, or one of these: the file of a mapping, something in the queue of a socket.
  static constexpr int kMapping = -1, kInFlight = -2;
  DescriptionView(OwnedFd duplicate, HostPid holder, int number, std::optional<int> flags = {}, RecordId record = {});
  DescriptionView(DescriptionView&&) = default;
  int fd() const { return fd_.get(); }
  HostPid holder() const { return holder_; }
  int number() const { return number_; }
  bool is_mapping() const { return number_ == kMapping; }
  OwnedFd take_fd() { return std::move(fd_); }  // nothing more can be asked for then
  RecordId record() const { return record_; }   // the one that will be made of this; 0 for the file of a mapping
  const std::string& link() const;              // /proc/self/fd/N
  const kernel::KeyValues& fdinfo() const;      // of our duplicate: pos, flags, and the kind's own lines
  const struct stat& stat() const;
  long file_system() const;  // its magic number, statfs(2)
  int flags() const;         // F_GETFL; for the file of a mapping, what the mapping needs
  bool is(mode_t type) const { return (stat().st_mode & S_IFMT) == type; }

 private:
  OwnedFd fd_;
  HostPid holder_;
  int number_;
  RecordId record_;
  mutable std::optional<int> flags_;
  mutable std::optional<std::string> link_;
  mutable std::optional<kernel::KeyValues> fdinfo_;
  mutable std::optional<struct stat> stat_;
  mutable std::optional<long> file_system_;
};

// An int option of a live socket that is set for a moment, so that something can be read; the destructor puts it back.
// How to do that is noted first, should cairn be killed meanwhile.
class SocketToggle {
 public:
  // `undo`: what takes it back, where that isn't the value from before.
  SocketToggle(int fd, int level, int option, int value, ToggleJournal* journal = nullptr,
               std::optional<int> undo = {});
  SocketToggle(const SocketToggle&) = delete;
  ~SocketToggle();

 private:
  void put_back() const;

  ToggleNote original_;
  ToggleJournal* journal_;
  size_t place_ = 0;
};

// Implemented by the engine.
class DescribeContext {
 public:
  virtual ~DescribeContext() = default;

  // Says why the object that is being described can't be kept. Its place (process, descriptor, mapping) is filled in.
  virtual void obstacle(std::string reason, std::string remedy, std::string rule) = 0;
  // One that goes away when the tree runs on for a while (what is in a queue will be read). A checkpoint lets it run
  // and looks again, within its timeout.
  virtual void passing_obstacle(std::string reason, std::string remedy, std::string rule) {
    obstacle(std::move(reason), std::move(remedy), std::move(rule));
  }

  // Whether the mapping that starts at this address of the process being described is the batch region.
  virtual bool is_batch_region(RemoteAddress address) const = 0;

  // Where obstacles are, from now to the end of a Place: "mapping 7f..", "descriptor 3".
  virtual void enter(std::string place) = 0;
  virtual void leave() = 0;

  // The record of an object that several descriptions or mappings share, by a key that is unique for the kind (such as
  // "device:inode"). The first call makes the record from what `describe` returns: a state of that kind, and a handle
  // (a descriptor of ours) that is kept for capture().
  struct NewObject {
    image::AnyState state;
    OwnedFd handle;
  };
  virtual RecordId object(const std::string& kind, const std::string& key,
                          const std::function<NewObject()>& describe) = 0;

  // The record of a descriptor of a process of the tree (described now if it was not yet); 0 when it isn't open.
  virtual RecordId description(HostPid process, int number) = 0;
  // The record of the file behind a mapping or another handle of ours that has no descriptor in the tree. `flags` as
  // for open(2).
  virtual RecordId description_of(OwnedFd file, HostPid process, int flags) = 0;
  // The record of a description that was found in flight (SCM_RIGHTS), perhaps the same that descriptors of the tree
  // have. `holder` has the socket.
  virtual RecordId description_in_flight(OwnedFd duplicate, HostPid holder) = 0;
  // The process or task record with this id in cairn's pid namespace; 0 when it is outside the tree.
  virtual RecordId process(HostPid pid) = 0;
  virtual RecordId task(HostPid tid) = 0;
  // The id by which the tree itself knows a process or task, in its own pid namespace.
  virtual NamespacePid number_of(HostPid id) const { return {id.value}; }
  // For cairn's own calls, what a path of the tree leads to in the tree's mount namespace.
  virtual std::string path_in_tree(const std::string& path) const { return path; }
  // The process record with this id in a mounted /proc, that of the tree or cairn's own.
  virtual RecordId process_in_proc(dev_t, pid_t id) { return process({id}); }
  virtual std::vector<tracee::HeldProcess>& processes() = 0;

  virtual graph::RecordSet& records() = 0;
  virtual ToggleJournal* toggle_journal() { return nullptr; }

  const Moment& moment() const { return moment_; }

  // All file locks of the host, read once. In a pid namespace those of processes outside it are missing.
  const std::vector<kernel::FileLock>& locks();
  // Descriptors (process and number) through which flock(2) and OFD locks are held.
  void note_locked(std::pair<HostPid, int> descriptor) { locked_.insert(descriptor); }
  const std::set<std::pair<HostPid, int>>& locked() const { return locked_; }
  // Who outside the tree has what the tree has. Asking costs a walk over all processes of the host, once.
  graph::Outside& outside();

  // Changes a live socket until the returned object goes; `fd` must stay open for as long.
  std::unique_ptr<SocketToggle> toggle(int fd, int level, int option, int value, std::optional<int> undo = {}) {
    return std::make_unique<SocketToggle>(fd, level, option, value, toggle_journal(), undo);
  }

  // One object of this type for the whole checkpoint.
  template <typename T>
  T& once() {
    return once_.get<T>();
  }

  // For what can only be judged when the whole tree has been described, such as who holds the other end of a pipe.
  void at_end(std::function<void()> judgement) { judgements_.push_back(std::move(judgement)); }
  // The engine's: runs these when every record is there, before the obstacles are judged.
  void run_judgements();

 protected:
  Moment moment_ = Moment::now();

 private:
  std::optional<std::vector<kernel::FileLock>> locks_;
  std::set<std::pair<HostPid, int>> locked_;
  std::optional<graph::Outside> outside_;
  std::vector<std::function<void()>> judgements_;
  Once once_;
};

class Place {
 public:
  Place(DescribeContext& context, std::string place) : context_(context) { context_.enter(std::move(place)); }
  Place(const Place&) = delete;
  ~Place() { context_.leave(); }

 private:
  DescribeContext& context_;
};

// Room for `calls` more calls and `bytes` of arguments: flushes what was collected when they don't fit. Results stay
// readable.
inline tracee::Batch& room(tracee::Batch& batch, size_t calls, size_t bytes) {
  if (!batch.fits(calls, bytes)) batch.flush();
  return batch;
}

// For bulk data, when every obstacle is known.
class CaptureContext {
 public:
  virtual ~CaptureContext() = default;
  virtual image::PageWriter& pages() = 0;
  virtual memory::SharedPages& shared_pages() = 0;
  // The held process whose task acts for a shared structure.
  virtual tracee::HeldProcess& process_of(RecordId record) = 0;
  // A process whose memory is a copy of this address space (tracee/snapshot.h), and stays so when the tree goes on.
  // None: what is to be kept must be read at once.
  virtual std::optional<HostPid> snapshot_of(RecordId mm) const = 0;
  // For what only needs the snapshot of this address space: done when the tree may have gone on.
  virtual void defer(RecordId mm, std::function<void()> capture) = 0;
};

}  // namespace cairn::resources
