#include "graph/births.h"

#include <algorithm>
#include <csignal>
#include <optional>

namespace cairn::graph {
namespace {

Obstacle unreachable_session(const ProcessNode& process, int32_t session) {
  return {fmt::format("process {}", process.state->pid()),
          fmt::format("it is in session {}, which neither its parent nor its parent's past was in", session),
          "let it start a session of its own (setsid), or checkpoint from an ancestor that is in that session",
          "session of another process"};
}

Obstacle unreachable_signal(const ProcessNode& process) {
  return {fmt::format("process {}", process.state->pid()),
          fmt::format("it tells its end by signal {}, and its parent has adopted it", process.state->exit_signal()),
          "checkpoint from an ancestor that is in its session", "session of another process"};
}

Obstacle circular(const ProcessNode& process) {
  return {fmt::format("process {}", process.state->pid()),
          "it is in a session that began below a process which can only be born after it", "",
          "session of another process"};
}

}  // namespace

// A session is entered by birth alone. So each process is born of its parent, while that was or is in the session, or
// of the session's leader, alive or a phantom; in that case its parent has to be above the leader, since orphans only
// move up.
class BirthPlanner {
 public:
  explicit BirthPlanner(const Tree& tree) : tree_(tree) {}

  Births plan() {
    find_sessions();
    for (RecordId id : tree_.processes()) plan_process(id);
    for (RecordId id : tree_.phantoms()) {
      if (tree_.process(id).leads_session()) place_session(id);
    }
    for (RecordId id : tree_.processes()) plan_group(tree_.process(id));
    for (RecordId id : tree_.phantoms()) births_.try_emplace(id, Birth{id, tree_.root().id});  // nobody refers to it
    put_in_order();
    return std::move(result_);
  }

 private:
  // The session that a process must be born into; none when any will do, since it calls setsid() itself. A session
  // leader whose children stay in another session was born into that one and left it after their birth, unless they
  // came to it from below.
  void find_sessions() {
    for (auto place = tree_.processes().rbegin(); place != tree_.processes().rend(); ++place) {
      const ProcessNode& process = tree_.process(*place);
      if (!process.leads_session()) {
        sessions_[process.id] = process.state->session();
        continue;
      }
      for (RecordId child : process.children) {
        std::optional<int32_t> wanted = session_of(child);
        if (wanted && *wanted != process.state->pid() && !began_below(*wanted, process.id)) {
          sessions_[process.id] = *wanted;
        }
      }
    }
  }

  std::optional<int32_t> session_of(RecordId process) const {
    auto place = sessions_.find(process);
    return place == sessions_.end() ? std::nullopt : std::optional(place->second);
  }

  bool is_below(RecordId process, RecordId ancestor) const {
    for (RecordId at = tree_.process(process).parent; at; at = tree_.process(at).parent) {
      if (at == ancestor) return true;
    }
    return false;
  }
  bool is_at_or_below(RecordId process, RecordId ancestor) const {
    return process == ancestor || is_below(process, ancestor);
  }

  bool began_below(int32_t session, RecordId process) const {
    RecordId leader = tree_.by_pid(session);
    if (!leader) return false;
    if (!tree_.process(leader).phantom()) return is_below(leader, process);
    return std::ranges::all_of(tree_.processes(), [&](RecordId member) {
      return tree_.process(member).state->session() != session || is_below(member, process);
    });
  }

  void plan_process(RecordId id) {
    const ProcessNode& process = tree_.process(id);
    std::optional<int32_t> wanted = session_of(id);
    Birth birth{id, process.parent};
    if (!process.parent) {
      if (wanted && *wanted != 0) return plan_entrant(process, *wanted);
    } else if (wanted) {
      const ProcessNode& parent = tree_.process(process.parent);
      if (parent.leads_session() && *wanted == parent.state->pid()) {
        birth.session = Birth::Session::kAfterSetsid;
      } else if (wanted != session_of(parent.id)) {
        return plan_entrant(process, *wanted);
      } else if (parent.leads_session()) {
        birth.session = Birth::Session::kBeforeSetsid;
      }
    }
    births_[id] = birth;
  }

  // Its parent never was in its session.
  void plan_entrant(const ProcessNode& process, int32_t session) {
    RecordId leader = tree_.by_pid(session);
    bool is_phantom = leader && tree_.process(leader).phantom();
    bool is_reachable = leader && process.parent && is_below(leader, process.parent) && !is_below(leader, process.id);
    if (is_phantom) {
      entrants_[leader].push_back(process.id);
    } else if (is_reachable) {
      bear(process, tree_.process(leader), tree_.process(leader).parent);
    } else {
      result_.obstacles_.push_back(unreachable_session(process, session));
    }
  }

  // The leader of its session clones it.
  void bear(const ProcessNode& process, const ProcessNode& leader, RecordId parent_of_leader) {
    Birth birth{process.id, leader.id, Birth::Way::kOrphan, Birth::Session::kAfterSetsid};
    int exit_signal = process.state->exit_signal();
    if (process.parent == parent_of_leader && exit_signal == leader.state->exit_signal()) {
      birth.way = Birth::Way::kSibling;
    } else if (exit_signal != SIGCHLD) {
      result_.obstacles_.push_back(unreachable_signal(process));
    }
    births_[process.id] = birth;
  }

  // A phantom that led a session is born below the lowest of those who adopt its members.
  void place_session(RecordId id) {
    const ProcessNode& leader = tree_.process(id);
    const std::vector<RecordId>& entrants = entrants_[id];
    if (std::ranges::find(entrants, tree_.root().id) != entrants.end()) {
      births_[id] = {id, {}, Birth::Way::kPlanter};
    } else {
      births_[id] = {id, lowest_parent(entrants)};
    }
    RecordId below = births_[id].creator;
    for (RecordId entrant : entrants) {
      const ProcessNode& process = tree_.process(entrant);
      bool is_reachable = !below || (is_at_or_below(below, process.parent) && !is_at_or_below(below, entrant));
      if (!process.parent) {
        births_[entrant] = {entrant, id, Birth::Way::kChild, Birth::Session::kAfterSetsid};
      } else if (below && is_reachable) {
        bear(process, leader, below);
      } else {
        result_.obstacles_.push_back(unreachable_session(process, leader.state->pid()));
      }
    }
  }

  RecordId lowest_parent(const std::vector<RecordId>& entrants) const {
    RecordId lowest = tree_.root().id;
    for (RecordId entrant : entrants) {
      RecordId parent = tree_.process(entrant).parent;
      if (is_below(parent, lowest)) lowest = parent;
    }
    return lowest;
  }

  // A phantom that led a group is born where the first member of its group is, and thus in the group's session.
  void plan_group(const ProcessNode& process) {
    RecordId leader = tree_.by_pid(process.state->group());
    if (!leader || leader == process.id) return;
    const ProcessNode& group = tree_.process(leader);
    if (!group.phantom()) {
      if (group.state->group() != group.state->pid()) result_.founders_.insert(leader);
      return;
    }
    auto member = births_.find(process.id);
    if (member == births_.end()) return;
    births_.try_emplace(leader, Birth{leader, member->second.creator, Birth::Way::kChild, member->second.session});
  }

  void put_in_order() {
    for (const auto& [id, birth] : births_) put_after_creator(id);
    for (size_t i = 0; i < result_.births_.size(); ++i) result_.places_[result_.births_[i].process] = i;
  }

  void put_after_creator(RecordId id) {
    std::vector<RecordId> path;
    for (RecordId at = id; at && !placed_.contains(at); at = births_.at(at).creator) {
      if (std::ranges::find(path, at) != path.end()) {
        result_.obstacles_.push_back(circular(tree_.process(at)));
        break;
      }
      path.push_back(at);
      if (!births_.contains(at)) return;  // an obstacle already
    }
    for (auto at = path.rbegin(); at != path.rend(); ++at) {
      if (placed_.insert(*at).second) result_.births_.push_back(births_.at(*at));
    }
  }

  const Tree& tree_;
  std::map<RecordId, int32_t> sessions_;
  std::map<RecordId, std::vector<RecordId>> entrants_;  // by the phantom that led their session
  std::map<RecordId, Birth> births_;
  std::set<RecordId> placed_;
  Births result_;
};

Births plan_births(const Tree& tree) { return BirthPlanner(tree).plan(); }

}  // namespace cairn::graph
