#include "graph/sharing.h"

namespace cairn::graph {
namespace {

struct Shared {
  const char* name;
  RecordId mine, creators;
};

std::vector<Shared> shared_by(const image::Task& task, const image::Task& creator) {
  return {{"memory", {task.mm().id()}, {creator.mm().id()}},
          {"its descriptor table", {task.files().id()}, {creator.files().id()}},
          {"its working directory", {task.fs().id()}, {creator.fs().id()}},
          {"its signal dispositions", {task.sighand().id()}, {creator.sighand().id()}}};
}

}  // namespace

std::vector<Obstacle> find_unshareable(const RecordSet& records, const Tree& tree, const Births& births) {
  std::vector<Obstacle> obstacles;
  for (RecordId id : tree.processes()) {
    const ProcessNode& process = tree.process(id);
    RecordId creator = births.of(id).creator;
    if (!creator) continue;
    const auto& leader = records.state<image::Task>(process.leader());
    const auto& other = records.state<image::Task>(tree.process(creator).leader());
    for (const Shared& shared : shared_by(leader, other)) {
      if (!shared.mine || shared.mine == shared.creators || tree.actor(shared.mine) == process.leader()) continue;
      int32_t with = tree.process(tree.process_of(tree.actor(shared.mine))).state->pid();
      obstacles.push_back(
          {fmt::format("process {}", process.state->pid()),
           fmt::format("it shares {} with process {}, and can only be made by another", shared.name, with),
           "let processes share such things with their parents only", "shared structures"});
    }
  }
  return obstacles;
}

}  // namespace cairn::graph
