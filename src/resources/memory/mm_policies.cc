// mbind(2): on which NUMA nodes the memory of a mapping shall be. get_mempolicy(2) tells it for one address, so each
// mapping costs a call; only those that have a policy are asked for their nodes. A policy that differs within one
// mapping (another process has bound a part of memory that both share) is seen at its start only.
//
// The home node (set_mempolicy_home_node(2), Linux 5.17) shows nowhere and is lost.
#include <linux/mempolicy.h>
#include <sys/syscall.h>

#include "resources/memory/mm.h"
#include "resources/memory_nodes.h"

namespace cairn::resources {
namespace {

using image::Mapping;

bool has_policies() {
  static const bool kHas = kernel::call("get_mempolicy", SYS_get_mempolicy, 0, 0, 0, 0, 0) != -ENOSYS;
  return kHas;
}

struct Question {
  int mapping;
  tracee::Pending known;
  tracee::Out<uint32_t> mode;
};

void ask_for_nodes(image::Mm& state, const std::vector<int>& bound, tracee::Batch& batch) {
  std::vector<std::pair<int, tracee::Out<NodeMask>>> answers;
  for (int i : bound) {
    room(batch, 1, sizeof(NodeMask) + sizeof(uint64_t));
    auto mode = batch.out<uint32_t>();
    auto nodes = batch.out<NodeMask>();
    batch.call(SYS_get_mempolicy, mode, nodes, kMostNodes, state.mappings(i).start(), MPOL_F_ADDR);
    answers.emplace_back(i, nodes);
  }
  if (!batch.empty()) batch.flush();
  for (const auto& [i, nodes] : answers) {
    *state.mutable_mappings(i)->mutable_policy()->mutable_nodes() = numbers_of(nodes.value());
  }
}

}  // namespace

std::function<void(image::Mm&)> describe_policies(const image::Mm& state, tracee::Batch& batch) {
  std::vector<Question> questions;
  for (int i = 0; has_policies() && i < state.mappings_size(); ++i) {
    if (state.mappings(i).sort() == Mapping::VDSO) continue;
    room(batch, 1, sizeof(uint64_t));
    auto mode = batch.out<uint32_t>();
    auto known = batch.try_call(SYS_get_mempolicy, mode, 0, 0, state.mappings(i).start(), MPOL_F_ADDR);
    questions.push_back({i, known, mode});
  }
  return [&batch, questions = std::move(questions)](image::Mm& described) {
    std::vector<int> bound;
    for (const Question& question : questions) {
      if (question.known.failed() || question.mode.value() == MPOL_DEFAULT) continue;
      described.mutable_mappings(question.mapping)->mutable_policy()->set_mode(question.mode.value());
      bound.push_back(question.mapping);
    }
    ask_for_nodes(described, bound, batch);
  };
}

void bind_to_nodes(const Mapping& mapping, RestoredTask& task) {
  const image::MappingPolicy& policy = mapping.policy();
  tracee::Batch& batch = task.room(1, sizeof(NodeMask));
  uint64_t size = mapping.end() - mapping.start();
  if (policy.nodes().empty()) {
    batch.call(SYS_mbind, mapping.start(), size, policy.mode(), 0, 0, 0);
  } else {
    batch.call(SYS_mbind, mapping.start(), size, policy.mode(), batch.put(mask_of(policy.nodes())), kMostNodes, 0);
  }
}

void check_policies(CheckContext& context, const image::Mm& state) {
  for (const Mapping& mapping : state.mappings()) {
    check_nodes(context, mapping.policy().nodes(), "memory of a process");
  }
}

}  // namespace cairn::resources
