#include "engine/snapshots.h"

#include <set>

#include "base/log.h"
#include "graph/tree.pb.h"
#include "kernel/cancel.h"
#include "kernel/cgroups.h"
#include "resources/process/child_subreaper.pb.h"

namespace cairn::engine {
namespace {

// Below this a plain copy is over before a fork is.
constexpr uint64_t kWorthwhile = 8 << 20;

struct MemoryUse {
  uint64_t own = 0;  // bytes of private memory that was written to
  bool locked = false;
};

MemoryUse use_of(const tracee::HeldProcess& process) {
  kernel::KeyValues status = process.proc.status();
  auto bytes = [&](const char* key) { return status.number(key) << 10; };
  return {bytes("RssAnon") + bytes("VmSwap"), bytes("VmLck") != 0};
}

// Who locks memory doesn't want the faults that the first writes after a fork take.
bool is_wanted(const MemoryUse& use, Live live) {
  if (live == Live::kAuto) return use.own >= kWorthwhile && !use.locked;
  return live == Live::kAlways;
}

void tell(Live live, HostPid process, std::string_view reason) {
  std::string text =
      fmt::format("process {}: no snapshot: {}; it is held until its memory is written", process.value, reason);
  live == Live::kAlways ? log::notice("{}", text) : log::detail("{}", text);
}

// Processes of the tree that would become the parent of a copy, or are below one that would.
std::set<HostPid> below_sub_reapers(tracee::Hold& hold, const Description& description,
                                    const graph::RecordSet& records) {
  std::set<RecordId> reapers;
  for (const graph::Record* record : records.of_kind("child_subreaper"))
    if (record->as<image::ChildSubreaper>().reaps()) reapers.insert(record->owner);
  std::set<HostPid> below;
  for (const tracee::HeldProcess& process : hold.processes())
    if (below.contains(process.parent) || reapers.contains(description.record_of(process.pid)))
      below.insert(process.pid);
  return below;
}

}  // namespace

void Snapshots::take(tracee::Hold& hold, const Description& description, Live live) {
  if (live == Live::kNever) return;
  const graph::RecordSet& records = description.records();
  std::vector<std::pair<RecordId, tracee::HeldProcess*>> wanted;
  uint64_t needed = 0;
  for (const graph::Record* record : records.of_kind("mm")) {
    tracee::HeldProcess& process = description.process_of(record->id);
    MemoryUse use = use_of(process);
    if (!is_wanted(use, live)) continue;
    wanted.emplace_back(record->id, &process);
    needed += use.own;
  }
  if (wanted.empty()) return;
  std::set<HostPid> below = below_sub_reapers(hold, description, records);
  for (auto& [mm, process] : wanted) {
    if (below.contains(process->pid))
      tell(live, process->pid, "a sub-reaper of the tree would get it as a child");
    else if (kernel::memory_room(process->pid) < needed)
      tell(live, process->pid, "there is too little memory, should all of it be written to meanwhile");
    else
      try_take(mm, *process, live);
  }
}

void Snapshots::try_take(RecordId mm, tracee::HeldProcess& process, Live live) {
  try {
    tracee::Task& task = process.tasks.front();
    tracee::InjectedSpace space(task, 1, process.proc.maps());
    tracee::Snapshot snapshot = tracee::Snapshot::take(task, space, 0);
    space.close();
    snapshots_.emplace(mm, std::move(snapshot));
  } catch (const tracee::Died&) {
    throw;
  } catch (const Error& error) {
    kernel::stop_if_canceled();
    tell(live, process.pid, error.what());
  }
}

void Snapshots::finish(RecordId mm) {
  auto place = snapshots_.find(mm);
  bool lives = place->second.lives();
  HostPid pid = place->second.pid();
  snapshots_.erase(place);
  if (!lives) throw Error(fmt::format("process {}, which held it, was killed; is there too little memory?", pid.value));
}

std::optional<HostPid> Snapshots::of(RecordId mm) const {
  auto place = snapshots_.find(mm);
  return place == snapshots_.end() ? std::nullopt : std::optional(place->second.pid());
}

}  // namespace cairn::engine
