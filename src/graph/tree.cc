#include "graph/tree.h"

#include <algorithm>

#include "base/error.h"

namespace cairn::graph {
namespace {

Error damaged(const std::string& why) { return Error("the process tree: " + why, Failure::kDamagedImage); }

}  // namespace

Tree::Tree(const RecordSet& records) {
  for (const Record* record : records.of_kind("process")) {
    const auto& state = record->as<image::Process>();
    processes_[record->id] = {record->id, &state, {state.parent().id()}, {}, {}};
    if (!by_pid_.emplace(state.pid(), record->id).second)
      throw damaged(fmt::format("pid {} stands twice", state.pid()));
  }
  for (const Record* record : records.of_kind("task")) {
    const auto& state = record->as<image::Task>();
    auto process = processes_.find(RecordId{state.process().id()});
    if (process == processes_.end()) throw damaged(fmt::format("task {} belongs to no process", state.tid()));
    tids_.insert(state.tid());
    auto& tasks = process->second.tasks;
    bool leads = state.tid() == process->second.state->pid();
    tasks.insert(leads ? tasks.begin() : tasks.end(), record->id);
    process_of_[record->id] = process->first;
  }
  for (auto& [id, process] : processes_) {
    if (process.tasks.empty() || records.state<image::Task>(process.leader()).tid() != process.state->pid()) {
      throw damaged(fmt::format("process {} has no leader", process.state->pid()));
    }
    place(process);
  }
  if (!root_) throw damaged("it has no root");
  order_from_root();

  for (RecordId id : order_) find_actors(records, processes_[id]);
  for (RecordId id : phantoms_) find_actors(records, processes_[id]);
}

void Tree::place(const ProcessNode& process) {
  if (process.phantom()) {
    if (process.parent || process.tasks.size() != 1) throw damaged(fmt::format("{} is dead", process.state->pid()));
    phantoms_.push_back(process.id);
  } else if (process.parent) {
    auto parent = processes_.find(process.parent);
    if (parent == processes_.end() || parent->second.phantom())
      throw damaged(fmt::format("the parent of {} is no process", process.state->pid()));
    parent->second.children.push_back(process.id);
  } else {
    if (root_) throw damaged("it has several roots");
    root_ = process.id;
  }
}

void Tree::find_actors(const RecordSet& records, const ProcessNode& process) {
  actors_[process.id] = process.leader();
  for (RecordId task : process.tasks) {
    const auto& state = records.state<image::Task>(task);
    actors_[task] = task;
    for (uint64_t shared : {state.mm().id(), state.files().id(), state.fs().id(), state.sighand().id()}) {
      if (shared != 0) actors_.try_emplace(RecordId{shared}, task);
    }
  }
}

void Tree::order_from_root() {
  order_.push_back(root_);
  for (size_t next = 0; next < order_.size(); ++next) {
    for (RecordId child : processes_[order_[next]].children) order_.push_back(child);
  }
  if (order_.size() + phantoms_.size() != processes_.size()) throw damaged("some processes are their own ancestors");
}

const ProcessNode& Tree::process(RecordId id) const { return processes_.at(id); }

RecordId Tree::process_of(RecordId task) const {
  auto place = process_of_.find(task);
  return place == process_of_.end() ? RecordId{} : place->second;
}

RecordId Tree::by_pid(int32_t pid) const {
  auto place = by_pid_.find(pid);
  return place == by_pid_.end() ? RecordId{} : place->second;
}

RecordId Tree::actor(RecordId record) const {
  auto place = actors_.find(record);
  return place == actors_.end() ? RecordId{} : place->second;
}

}  // namespace cairn::graph
