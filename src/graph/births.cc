#include "graph/births.h"

#include <algorithm>
#include <optional>

namespace cairn::graph {
namespace {

bool leads_session(const ProcessNode& process) { return process.state->session() == process.state->pid(); }

// The session that a process must be born into; empty when any will do, since it calls setsid() itself.
// A session leader whose children stay in another session was born into that one and left it after their birth.
class BirthSessions {
 public:
  explicit BirthSessions(const Tree& tree) {
    for (auto place = tree.processes().rbegin(); place != tree.processes().rend(); ++place) {
      RecordId id = *place;
      const ProcessNode& process = tree.process(id);
      if (!leads_session(process)) {
        sessions_[id] = process.state->session();
        continue;
      }
      for (RecordId child : process.children) {
        std::optional<int32_t> wanted = sessions_[child];
        if (wanted && *wanted != process.state->pid()) sessions_[id] = wanted;
      }
    }
  }
  std::optional<int32_t> of(RecordId process) const {
    auto place = sessions_.find(process);
    return place == sessions_.end() ? std::nullopt : place->second;
  }

 private:
  std::map<RecordId, std::optional<int32_t>> sessions_;
};

Obstacle unreachable_session(const ProcessNode& process, int32_t session) {
  return {fmt::format("process {}", process.state->pid()),
          fmt::format("it is in session {}, which neither its parent nor its parent's past was in", session),
          "let it start a session of its own (setsid), or checkpoint from an ancestor that is in that session",
          "session of another process"};
}

}  // namespace

Births plan_births(const Tree& tree) {
  Births result;
  BirthSessions sessions(tree);
  for (RecordId id : tree.processes()) {
    const ProcessNode& process = tree.process(id);
    Birth birth{id, process.parent};
    std::optional<int32_t> wanted = sessions.of(id);
    if (wanted) {
      if (!process.parent) {
        if (*wanted != 0) result.obstacles.push_back(unreachable_session(process, *wanted));
      } else {
        const ProcessNode& creator = tree.process(process.parent);
        if (leads_session(creator) && *wanted == creator.state->pid()) {
          birth.session = Birth::Session::kAfterSetsid;
        } else if (wanted == sessions.of(process.parent)) {
          if (leads_session(creator)) birth.session = Birth::Session::kBeforeSetsid;
        } else {
          result.obstacles.push_back(unreachable_session(process, *wanted));
        }
      }
    }
    result.births.push_back(birth);
  }
  return result;
}

}  // namespace cairn::graph
