// The process tree of an image, read out of its Process and Task records.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "graph/records.h"
#include "graph/tree.pb.h"

namespace cairn::graph {

struct ProcessNode {
  RecordId id;
  const image::Process* state = nullptr;
  RecordId parent;  // 0: outside
  std::vector<RecordId> children;
  std::vector<RecordId> tasks;  // leader first
  RecordId leader() const { return tasks.front(); }
  bool alive() const { return state->life() == image::Process::ALIVE; }
  bool leads_session() const { return state->session() == state->pid(); }
  bool phantom() const { return state->life() == image::Process::PHANTOM; }
};

class Tree {
 public:
  // Failure::kDamagedImage when the records are no tree: no or several roots, a loop, a process without its leader.
  explicit Tree(const RecordSet& records);

  const ProcessNode& process(RecordId id) const;
  const ProcessNode& root() const { return process(root_); }
  // Parents before children.
  const std::vector<RecordId>& processes() const { return order_; }
  // Dead ids that are still in use as sessions or groups: they are in no place of the tree, and in processes() neither.
  const std::vector<RecordId>& phantoms() const { return phantoms_; }
  RecordId process_of(RecordId task) const;
  // The process or phantom with this pid in the tree's own numbering; 0 if none.
  RecordId by_pid(int32_t pid) const;
  // Whether any task, dead or alive, has this id in that numbering.
  bool has_task(int32_t tid) const { return tids_.contains(tid); }
  // The first task (in tree order) that uses a shared structure (mm, files, fs, sighand), a task itself, or the leader
  // of a process: the one that acts for it. 0 for other records.
  RecordId actor(RecordId record) const;

 private:
  void place(const ProcessNode& process);
  void order_from_root();
  void find_actors(const RecordSet& records, const ProcessNode& process);

  std::map<RecordId, ProcessNode> processes_;
  std::map<RecordId, RecordId> process_of_;
  std::map<int32_t, RecordId> by_pid_;
  std::set<int32_t> tids_;
  std::map<RecordId, RecordId> actors_;
  std::vector<RecordId> order_, phantoms_;
  RecordId root_;
};

}  // namespace cairn::graph
