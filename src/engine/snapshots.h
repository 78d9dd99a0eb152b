// Snapshots of a held tree's address spaces: with them its processes go on before their memory is written.
#pragma once

#include <map>
#include <optional>

#include "engine/description.h"
#include "tracee/snapshot.h"

namespace cairn::engine {

// When a snapshot is taken: of address spaces with much memory, of all, of none.
enum class Live { kAuto, kAlways, kNever };

class Snapshots {
 public:
  // After describe(). An address space of which no snapshot can be had is left out, and the log says why.
  void take(tracee::Hold& hold, const Description& description, Live live);

  // The process whose memory is a copy of this address space.
  std::optional<HostPid> of(RecordId mm) const;
  // This one has been read, and isn't needed any more. An Error when it had died.
  void finish(RecordId mm);
  size_t count() const { return snapshots_.size(); }

 private:
  void try_take(RecordId mm, tracee::HeldProcess& process, Live live);

  std::map<RecordId, tracee::Snapshot> snapshots_;
};

}  // namespace cairn::engine
