#include "graph/plan.h"

#include <algorithm>
#include <map>
#include <queue>
#include <unordered_map>

namespace cairn::graph {
namespace {

using image::Milestone;

std::vector<Milestone> milestones_of(Shape shape) {
  switch (shape) {
    case Shape::kObject:
    case Shape::kProcess:
      return {image::MADE, image::CONNECTED, image::SEALED};
    case Shape::kTask:
      return {image::BORN, image::MAPPED, image::TABLED, image::SEALED};
    case Shape::kMm:
      return {image::GROWN, image::MADE};
    case Shape::kShared:
    case Shape::kAttribute:
      return {image::MADE};
  }
  return {};
}

bool intersect(const Traits& a, const Traits& b) {
  return std::any_of(a.begin(), a.end(), [&](Trait trait) { return b.contains(trait); });
}

}  // namespace

// Collects nodes and edges, then sorts.
class PlanBuilder {
 public:
  PlanBuilder(const RecordSet& records, const Tree& tree, const Births& births,
              const std::function<KindFacts(const std::string&)>& facts)
      : records_(records), tree_(tree), births_(births) {
    for (const auto& [id, record] : records.all()) {
      const image::Schema* schema = &record.state.schema();
      if (!facts_.contains(schema)) facts_[schema] = facts(schema->kind);
    }
  }

  void build(Plan& plan) {
    add_nodes();
    for (const auto& [id, record] : records_.all()) add_reference_edges(record);
    add_task_edges();
    add_birth_edges();
    add_attribute_edges();
    sort(plan);
  }

 private:
  struct Edge {
    size_t before;
    const char* reason;
  };
  struct Node {
    RecordId record;
    Milestone milestone;
    RecordId actor;
    std::vector<Edge> needs;
  };

  const KindFacts& facts_of(const Record& record) const { return facts_.at(&record.state.schema()); }

  void add_nodes() {
    for (const auto& [id, record] : records_.all()) {
      RecordId actor = tree_.actor(id);
      if (!actor && record.owner) actor = tree_.actor(record.owner);
      first_[id] = nodes_.size();
      std::vector<Milestone> milestones = milestones_of(facts_of(record).shape);
      for (size_t i = 0; i < milestones.size(); ++i) {
        nodes_.push_back({id, milestones[i], actor, {}});
        if (i > 0) nodes_.back().needs.push_back({nodes_.size() - 2, "its milestones in turn"});
      }
    }
  }

  // The node for a milestone of a record. MADE of a task is its birth, BORN of a process its being made; a missing
  // CONNECTED or SEALED is the last that there is. What only a task has is asked of no other: it would mean too late.
  size_t node(RecordId record, Milestone milestone) const {
    size_t first = first_.at(record);
    size_t last = first;
    for (size_t i = first; i < nodes_.size() && nodes_[i].record == record; ++i) {
      if (nodes_[i].milestone == milestone) return i;
      last = i;
    }
    if (milestone == image::MAPPED || milestone == image::TABLED)
      throw Error(fmt::format("{} {} is no task that could be {}", records_.at(record).kind(), record.value,
                              milestone_name(milestone)));
    return milestone == image::MADE || milestone == image::BORN ? first : last;
  }

  void edge(size_t before, size_t after, const char* reason) { nodes_[after].needs.push_back({before, reason}); }
  void edge(RecordId before, Milestone its, RecordId after, Milestone mine, const char* reason) {
    edge(node(before, its), node(after, mine), reason);
  }

  void add_reference_edges(const Record& record) {
    record.visit_references([&](const image::ReferenceField& field, RecordId target) {
      if (!target) return;
      if (field.mine != image::UNSPECIFIED) edge(target, field.its, record.id, field.mine, field.name);
      bool is_use = field.is_use && field.its == image::MADE;
      if (is_use && facts_of(records_.at(target)).shape == Shape::kObject) {
        edge(record.id, image::SEALED, target, image::SEALED, "an object is sealed after what uses it");
      }
      if (field.precedes_mine == image::UNSPECIFIED) return;
      edge(record.id, field.precedes_mine, target, field.precedes_its, field.name);
      if (field.precedes_its == image::TABLED) add_table_edge(node(record.id, field.precedes_mine), target);
    });
  }

  // Descriptors are handed over to a task that has a bare table: a finished one has lost the socket that they come by.
  void add_table_edge(size_t mine, RecordId task) {
    RecordId table{records_.state<image::Task>(task).files().id()};
    if (table) edge(mine, node(table, image::MADE), "it uses the bare table");
  }

  void add_task_edges() {
    std::vector<RecordId> processes = tree_.processes();
    processes.insert(processes.end(), tree_.phantoms().begin(), tree_.phantoms().end());
    for (RecordId id : processes) {
      const ProcessNode& process = tree_.process(id);
      edge(process.leader(), image::BORN, id, image::MADE, "a process is there when its leader is born");
      for (RecordId task : process.tasks) {
        edge(task, image::SEALED, id, image::SEALED, "a process is sealed after its tasks");
        edge(id, image::CONNECTED, task, image::SEALED, "session and group are joined before the seal");
        if (task != process.leader()) {
          edge(process.leader(), image::TABLED, task, image::BORN, "threads are born into a finished process");
        }
        add_shared_edges(task, records_.state<image::Task>(task));
      }
    }
  }

  void add_shared_edges(RecordId task, const image::Task& state) {
    auto share = [&](uint64_t shared, Milestone needed_by, const char* reason) {
      if (shared == 0) return;
      RecordId id{shared};
      if (tree_.actor(id) == task) edge(task, image::BORN, id, first_milestone(id), "its first user is born");
      edge(id, image::MADE, task, needed_by, reason);
    };
    share(state.mm().id(), image::MAPPED, "its address space");
    share(state.files().id(), image::TABLED, "its descriptor table");
    if (state.mm().id() != 0 && state.files().id() != 0) {
      edge({state.mm().id()}, image::MADE, {state.files().id()}, image::MADE,
           "mapped files come through the bare table");
    }
    share(state.fs().id(), image::SEALED, "its file system state");
    share(state.sighand().id(), image::SEALED, "its signal dispositions");
  }

  Milestone first_milestone(RecordId record) const { return nodes_[first_.at(record)].milestone; }

  void add_birth_edges() {
    for (const Birth& birth : births_.all()) {
      const ProcessNode& child = tree_.process(birth.process);
      add_group_edges(child);
      RecordId parent = child.phantom() ? birth.creator : child.parent;
      if (parent && !child.alive()) add_death_edges(child, tree_.process(parent));
      if (!birth.creator) continue;
      const ProcessNode& creator = tree_.process(birth.creator);
      add_inheritance_edges(creator, child);
      add_session_edges(birth, creator, child);
      if (birth.way == Birth::Way::kOrphan) add_passage_edges(birth, child);
      if (!creator.alive())
        edge(child.leader(), image::BORN, creator.leader(), image::SEALED, "it is born before its creator dies");
    }
  }

  void add_session_edges(const Birth& birth, const ProcessNode& creator, const ProcessNode& child) {
    // The root may start a session of its own at once.
    edge(creator.id, image::MADE, child.leader(), image::BORN, "it inherits what its creator is at first");
    if (birth.session == Birth::Session::kAfterSetsid) {
      edge(creator.id, image::CONNECTED, child.leader(), image::BORN, "it inherits the session of its creator");
      heirs_.emplace(creator.id, child.leader());
    } else if (birth.session == Birth::Session::kBeforeSetsid) {
      edge(child.leader(), image::BORN, creator.id, image::CONNECTED,
           "it stays in the session that its creator leaves");
    }
  }

  // An orphan goes up to its parent, past what isn't a sub-reaper yet.
  void add_passage_edges(const Birth& birth, const ProcessNode& child) {
    for (RecordId at = birth.creator; at && at != child.parent;) {
      const ProcessNode& passed = tree_.process(at);
      at = passed.phantom() ? births_.of(at).creator : passed.parent;
      if (at) add_bareness_edges(tree_.process(at), child);
    }
  }

  // A parent hears of the death.
  void add_death_edges(const ProcessNode& child, const ProcessNode& parent) {
    settle_children_.emplace(parent.id, node(child.id, image::SEALED));
    dead_.emplace(child.state->group(), child.id);
    if (!parent.alive())
      edge(child.id, image::SEALED, parent.leader(), image::SEALED, "its parent takes note of its death");
  }

  void add_group_edges(const ProcessNode& process) {
    RecordId leader = tree_.by_pid(process.state->group());
    if (!leader || leader == process.id) return;
    const ProcessNode& group = tree_.process(leader);
    if (births_.founds_group(leader)) {
      edge(leader, image::MADE, process.id, image::CONNECTED, "the group exists when its founder has made it");
      edge(process.id, image::CONNECTED, leader, image::CONNECTED, "a group outlives its founder's leaving");
    } else {
      edge(leader, image::CONNECTED, process.id, image::CONNECTED, "the group exists when its leader has made it");
    }
    if (!group.alive())
      edge(process.id, image::CONNECTED, group.leader(), image::SEALED, "a group outlives its leader's death");
  }

  // What a child inherits must be in its creator, and what the creator has for itself alone must not be yet.
  void add_inheritance_edges(const ProcessNode& creator, const ProcessNode& child) {
    const auto& parent = records_.state<image::Task>(creator.leader());
    const auto& state = records_.state<image::Task>(child.leader());
    edge(creator.leader(), image::BORN, child.leader(), image::BORN, "its creator is born");
    if (parent.mm().id() != 0) {
      edge({parent.mm().id()}, image::GROWN, child.leader(), image::BORN, "it inherits pages of its creator");
      if (state.mm().id() != parent.mm().id()) {
        edge(child.leader(), image::BORN, {parent.mm().id()}, image::MADE,
             "its creator holds what it inherits until then");
      }
    }
    add_bareness_edges(creator, child);
  }

  void add_bareness_edges(const ProcessNode& ancestor, const ProcessNode& child) {
    const auto& state = records_.state<image::Task>(ancestor.leader());
    for (uint64_t own : {state.files().id(), state.fs().id(), state.sighand().id()}) {
      if (own != 0) edge(child.leader(), image::BORN, {own}, image::MADE, "it is born from a bare task");
    }
  }

  void add_attribute_edges() {
    std::vector<size_t> attributes;
    for (const auto& [id, record] : records_.all()) {
      const KindFacts& facts = facts_of(record);
      if (facts.shape != Shape::kAttribute && facts.shape != Shape::kShared) continue;
      size_t mine = node(id, image::MADE);
      RecordId actor = nodes_[mine].actor;
      if (!actor) {
        edge(record.owner, image::MADE, id, image::MADE, "what it hangs on is there");
        edge(id, image::MADE, record.owner, image::SEALED, "an object is sealed after its attributes");
        continue;
      }
      attributes.push_back(mine);
      if (facts.shape == Shape::kAttribute) add_owner_edges(record, mine, actor);
      edge(id, image::MADE, actor, image::SEALED, "a task is sealed after its attributes");
      if (facts.sets.contains(Trait::kTellsParent)) add_stop_edges(mine, tree_.process(tree_.process_of(actor)));
    }
    for (size_t attribute : attributes) {
      const KindFacts& facts = facts_of(records_.at(nodes_[attribute].record));
      if (facts.needs.contains(Trait::kQuietChildren)) add_quiet_edges(attribute, nodes_[attribute].actor);
    }
    add_trait_edges(attributes);
  }

  void add_owner_edges(const Record& record, size_t mine, RecordId actor) {
    if (facts_of(record).sets.contains(Trait::kHeritage)) return add_heritage_edges(mine, tree_.process_of(actor));
    edge(actor, image::TABLED, record.id, image::MADE, "attributes follow memory and descriptors");
    if (facts_of(records_.at(record.owner)).shape == Shape::kShared)
      edge(record.owner, image::MADE, record.id, image::MADE, "what it hangs on is there");
    if (facts_of(record).clobbers.empty()) return;
    const ProcessNode& process = tree_.process(tree_.process_of(actor));
    for (RecordId thread : process.tasks) {
      if (thread == actor || actor != process.leader()) continue;
      if (facts_of(record).clobbers.contains(Trait::kStops)) {
        edge(mine, node(thread, image::BORN), "threads are born into a stop");
      } else {
        edge(node(thread, image::BORN), mine, "threads are born by a task that can still do all");
      }
    }
  }

  void add_heritage_edges(size_t mine, RecordId process) {
    edge(node(process, image::CONNECTED), mine, "the session is there");
    add_table_edge(mine, tree_.process(process).leader());
    auto [first, last] = heirs_.equal_range(process);
    for (; first != last; ++first) edge(mine, node(first->second, image::BORN), "it inherits this with the session");
  }

  // A stop can't be undone by the deaths of others: the kernel continues the stopped processes of a group that a death
  // leaves without a relative outside of it.
  void add_stop_edges(size_t mine, const ProcessNode& process) {
    edge(node(process.id, image::CONNECTED), mine, "it depends on the group whether it can be stopped");
    settle_children_.emplace(process.parent, mine);
    auto [first, last] = dead_.equal_range(process.state->group());
    for (; first != last; ++first) edge(node(first->second, image::SEALED), mine, "a death in its group continues it");
  }

  void add_quiet_edges(size_t mine, RecordId actor) {
    auto [first, last] = settle_children_.equal_range(tree_.process_of(actor));
    for (; first != last; ++first) edge(first->second, mine, "its children raise no more signals");
  }

  // What an attribute works on: a task for most, or all tasks of a process or of a structure that they share. Two
  // attributes have to do with each other when a task is in what both work on.
  std::vector<RecordId> scopes_of(RecordId task) const {
    const auto& state = records_.state<image::Task>(task);
    return {task,
            tree_.process_of(task),
            {state.mm().id()},
            {state.files().id()},
            {state.fs().id()},
            {state.sighand().id()}};
  }

  void add_trait_edges(const std::vector<size_t>& attributes) {
    std::map<RecordId, std::vector<size_t>> by_owner, by_scope;
    for (size_t attribute : attributes) {
      by_owner[owner_of(attribute)].push_back(attribute);
      for (RecordId scope : scopes_of(nodes_[attribute].actor)) by_scope[scope].push_back(attribute);
    }
    for (size_t attribute : attributes) {
      const KindFacts& facts = facts_of(records_.at(nodes_[attribute].record));
      if (facts.clobbers.empty()) continue;
      for (size_t other : by_scope[owner_of(attribute)]) add_trait_edge(attribute, facts, other);
      for (RecordId scope : scopes_of(nodes_[attribute].actor)) {
        if (scope == owner_of(attribute)) continue;  // they have just been visited
        for (size_t other : by_owner[scope]) add_trait_edge(attribute, facts, other);
      }
    }
  }

  // A shared structure works on itself.
  RecordId owner_of(size_t node) const {
    const Record& record = records_.at(nodes_[node].record);
    return record.owner ? record.owner : record.id;
  }

  void add_trait_edge(size_t mine, const KindFacts& facts, size_t other) {
    if (mine == other) return;
    const KindFacts& others = facts_of(records_.at(nodes_[other].record));
    if (intersect(others.needs, facts.clobbers)) edge(other, mine, "it needs what this takes away");
    if (intersect(others.sets, facts.clobbers)) edge(mine, other, "this would undo it");
  }

  // Kahn's algorithm; among the steps that are ready the first in record order goes first, so that plans are stable.
  void sort(Plan& plan) {
    std::vector<std::vector<size_t>> followers(nodes_.size());
    std::vector<size_t> open(nodes_.size());
    std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      open[i] = nodes_[i].needs.size();
      for (const Edge& need : nodes_[i].needs) followers[need.before].push_back(i);
      if (open[i] == 0) ready.push(i);
    }
    std::vector<size_t> place(nodes_.size());
    while (!ready.empty()) {
      size_t next = ready.top();
      ready.pop();
      place[next] = plan.steps_.size();
      Step step{nodes_[next].record, nodes_[next].milestone, nodes_[next].actor, {}};
      std::vector<const char*> reasons;
      for (const Edge& need : nodes_[next].needs) {
        step.needs.push_back(place[need.before]);
        reasons.push_back(need.reason);
      }
      plan.steps_.push_back(std::move(step));
      plan.reasons_.push_back(std::move(reasons));
      for (size_t follower : followers[next]) {
        if (--open[follower] == 0) ready.push(follower);
      }
    }
    if (plan.steps_.size() != nodes_.size()) throw_cycle(open);
  }

  std::string describe(size_t node) const {
    const Record& record = records_.at(nodes_[node].record);
    return fmt::format("{} {} {}", record.kind(), record.id.value, milestone_name(nodes_[node].milestone));
  }

  [[noreturn]] void throw_cycle(const std::vector<size_t>& open) const {
    size_t at = 0;
    while (open[at] == 0) ++at;
    std::vector<size_t> path;
    while (std::find(path.begin(), path.end(), at) == path.end()) {
      path.push_back(at);
      for (const Edge& need : nodes_[at].needs) {
        if (open[need.before] != 0) {
          at = need.before;
          break;
        }
      }
    }
    std::string text = "the plan of the restore has a cycle: " + describe(at);
    for (size_t i = path.size(); i-- > 0;) {
      text += " before " + describe(path[i]);
      if (path[i] == at) break;
    }
    throw Error(text, Failure::kRefused);
  }

  const RecordSet& records_;
  const Tree& tree_;
  const Births& births_;
  std::unordered_map<const image::Schema*, KindFacts> facts_;
  std::vector<Node> nodes_;
  std::map<RecordId, size_t> first_;
  std::multimap<RecordId, RecordId> heirs_;          // leader of a session -> first tasks of children born into it
  std::multimap<RecordId, size_t> settle_children_;  // parent -> steps of its children that raise signals in it
  std::multimap<int32_t, RecordId> dead_;            // group -> processes that die during the restore
};

Plan::Plan(const RecordSet& records, const Tree& tree, const Births& births,
           const std::function<KindFacts(const std::string&)>& facts) {
  PlanBuilder(records, tree, births, facts).build(*this);
}

std::vector<std::string> Plan::explain(const RecordSet& records) const {
  std::vector<std::string> lines;
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Record& record = records.at(steps_[i].record);
    std::string line =
        fmt::format("{:5} {} {} {}", i, record.kind(), record.id.value, milestone_name(steps_[i].milestone));
    for (size_t n = 0; n < steps_[i].needs.size(); ++n) {
      line += fmt::format("{}{} ({})", n == 0 ? "  <- " : ", ", steps_[i].needs[n], reasons_[i][n]);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string milestone_name(Milestone milestone) {
  switch (milestone) {
    case image::MADE:
      return "made";
    case image::CONNECTED:
      return "connected";
    case image::BORN:
      return "born";
    case image::MAPPED:
      return "mapped";
    case image::TABLED:
      return "tabled";
    case image::SEALED:
      return "sealed";
    case image::GROWN:
      return "grown";
    default:
      return "unspecified";
  }
}

}  // namespace cairn::graph
