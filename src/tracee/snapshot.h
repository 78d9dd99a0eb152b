// A copy of the address space of a held process, as it is at one instant; it stays when the process goes on. Both share
// all pages until the process writes to one (copy on write), so that it costs a fork: 6 to 12 ms a GiB, 0.3 with huge
// pages.
//
// The copy is a fork that the process makes without noticing: no child, no SIGCHLD, no descriptor and no id is left
// (Batch::fork_away). What it can see afterwards: the two ids were used, RUSAGE_CHILDREN counts a child that did
// nothing (and had as much memory), the first write to each page takes a fault and splits a huge page. It lacks what a
// fork does not get: shared memory goes on changing, ranges under MADV_DONTFORK are missing, those under
// MADV_WIPEONFORK are empty.
#pragma once

#include "tracee/batch.h"

namespace cairn::tracee {

class Snapshot {
 public:
  // `slot` of `space` serves `task`. The caller has made sure that the nearest sub-reaper of the process is none of its
  // tree: the copy becomes its child, and a zombie of it for a moment. An Error when the process can't fork now
  // (limits, memory); nothing is left then.
  static Snapshot take(Task& task, BatchSpace& space, size_t slot);

  // Whose memory to read. It is held before its first instruction, dies with cairn and with this object.
  HostPid pid() const { return copy_.process(); }
  // Whether it still is in its stop. Where it is not, what was read of it may have been nothing.
  bool lives() const;

 private:
  explicit Snapshot(Task copy) : copy_(std::move(copy)) {}
  static void offer_to_oom_killer(HostPid copy);
  static void arrive(Task& task, Deadline deadline);
  static Task hold_copy(HostPid between, unsigned options, Deadline deadline);

  Task copy_;
};

}  // namespace cairn::tracee
