// Finds every kernel object of a held tree once and lets its kind fill a record. All obstacles arise here; nothing is
// written.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/guard.h"
#include "engine/surroundings.h"
#include "graph/tree.pb.h"
#include "kernel/identity.h"
#include "resources/registry.h"
#include "tracee/hold.h"

namespace cairn::engine {

class Description final : public resources::DescribeContext {
 public:
  // `external`: names of descriptors (their links) that stand for ends outside the tree, and the name of a rule for
  // peers outside (resources/outside_peers.h).
  Description(tracee::Hold& hold, Guard& guard, std::set<std::string> external = {})
      : hold_(hold), guard_(guard), external_(std::move(external)) {}

  // Describes the whole tree to a fixed point.
  void describe();

  graph::RecordSet& records() override { return records_; }
  const graph::RecordSet& records() const { return records_; }
  resources::ToggleJournal* toggle_journal() override { return &guard_; }
  const std::vector<graph::Obstacle>& obstacles() const { return obstacles_; }
  RecordId root() const { return root_; }
  RecordId record_of(HostPid process) const { return processes_.at(process); }
  // Our duplicate of a description or the handle of an object; -1 when there is none.
  int fd(RecordId record) const;
  // Gives up all of these: once the tree goes on, a close there must be the last one.
  void let_go_of_descriptors();
  // The held process whose task acts for a shared structure.
  tracee::HeldProcess& process_of(RecordId structure) const { return *homes_.at(structure); }

  void obstacle(std::string reason, std::string remedy, std::string rule) override;
  void passing_obstacle(std::string reason, std::string remedy, std::string rule) override;
  bool is_batch_region(RemoteAddress address) const override { return space_ != nullptr && space_->covers(address); }
  void enter(std::string place) override { places_.push_back(std::move(place)); }
  void leave() override { places_.pop_back(); }
  RecordId object(const std::string& kind, const std::string& key, const std::function<NewObject()>& describe) override;
  RecordId description(HostPid process, int number) override;
  RecordId description_of(OwnedFd file, HostPid process, int flags) override;
  RecordId description_in_flight(OwnedFd duplicate, HostPid holder) override;
  RecordId process(HostPid pid) override;
  RecordId task(HostPid tid) override;
  NamespacePid number_of(HostPid id) const override;
  std::string path_in_tree(const std::string& path) const override { return surroundings_->path(path); }
  RecordId process_in_proc(dev_t procfs, pid_t id) override;
  std::vector<tracee::HeldProcess>& processes() override { return hold_.processes(); }

 private:
  struct Held {
    tracee::HeldProcess* process;
    tracee::Task* task;
    RecordId record;
  };
  struct PendingReading {
    RecordId record, owner;
    resources::AnyReading read;
  };

  // The session or process group of the root, where it is not the tree's own.
  struct OutsideId {
    const char* name;
    const char* short_name;
    std::optional<pid_t> id;
  };

  void choose_rule_for_peers();
  void number_records();
  void describe_skeleton(tracee::HeldProcess& process);
  void check_thread(const image::Task& state, const image::Task& leader, const tracee::Task& task);
  void describe_ids(const kernel::Stat& stat, image::Process& state, bool is_root);
  int32_t id_in_tree(pid_t id, const OutsideId& outside_id, int32_t session);
  void add_phantom(pid_t id, int32_t session);
  void check_external_names();
  bool is_root_unheld() const;
  void check_namespaces(const tracee::HeldProcess& process);
  void check_time_namespace(const tracee::HeldProcess& process);
  void describe_death(const tracee::HeldProcess& process, const kernel::Stat& stat, image::Process& state);
  void describe_remains(const kernel::ProcDir& zombie, RecordId process, RecordId task);
  void describe_dead(pid_t pid, RecordId process, RecordId task);
  RecordId structure_of(tracee::HeldProcess& process, const tracee::Task& task, resources::Level level);
  void describe_process(tracee::HeldProcess& process);
  void describe_task(const resources::TaskView& view, tracee::Batch& batch, bool leads);
  void describe_structure(RecordId record, resources::Level level, const resources::TaskView& view,
                          tracee::Batch& batch);
  void describe_attributes(RecordId owner, resources::Level level, const resources::TaskView& view,
                           tracee::Batch& batch);
  void finish_readings();
  RecordId describe_once(OwnedFd duplicate, HostPid holder, int number);
  void describe_view(RecordId id, const resources::DescriptionView& view);
  const resources::Faced<resources::AnyDescriptionKind>* kind_for(const resources::DescriptionView& view) const;
  void order_by_numbers();
  void learn_numbers(const tracee::HeldProcess& process);

  tracee::Hold& hold_;
  Guard& guard_;
  std::set<std::string> external_;
  graph::RecordSet records_;
  std::vector<graph::Obstacle> obstacles_;
  std::vector<std::string> places_;
  RecordId root_;
  OutsideId outside_session_{"session", "session"}, outside_group_{"process group", "group"};
  std::set<pid_t> phantoms_;
  std::set<HostPid> unheld_;  // tasks in which no call can be made
  std::optional<Surroundings> surroundings_;
  // Of processes, threads, groups and sessions, in the tree's own pid namespace.
  std::map<HostPid, NamespacePid> numbers_;
  const tracee::InjectedSpace* space_ = nullptr;  // of the process that is being described

  std::map<HostPid, RecordId> processes_, tasks_;
  std::map<std::pair<resources::Level, size_t>, RecordId> structures_;
  std::map<resources::Level, kernel::SharedObjectIndex> sharing_;
  std::set<RecordId> described_;  // structures whose reading has begun
  std::map<RecordId, tracee::HeldProcess*> homes_;
  std::vector<PendingReading> readings_;

  std::map<HostPid, OwnedFd> pidfds_;
  std::map<std::pair<HostPid, int>, RecordId> by_number_;
  kernel::DescriptionIndex descriptions_;
  std::vector<RecordId> description_records_;  // by index in descriptions_
  std::map<std::string, RecordId> objects_;    // "kind key"
  std::map<RecordId, OwnedFd> handles_;
  std::map<RecordId, size_t> description_indices_;  // record -> index in descriptions_
};

}  // namespace cairn::engine
