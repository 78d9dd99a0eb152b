// A task: its birth by clone3(2) with the recorded id, from the batch of its creator. CLONE_PTRACE attaches it to us
// without a stop of the creator. Which structures it shares with its creator follows from its references.
#include <linux/prctl.h>
#include <sched.h>
#include <sys/syscall.h>

#include "kernel/clone.h"
#include "resources/kind.h"
#include "resources/registry.h"

namespace cairn::resources {
namespace {

using Way = graph::Birth::Way;

class TaskKind final : public TypedKind<image::Task> {
 public:
  graph::Shape shape() const override { return graph::Shape::kTask; }

  void check(CheckContext& context, const Record& record) const override {
    pid_t tid = record.as<image::Task>().tid();
    User user = context.has_own_pids() ? user_in_new_namespace(tid) : user_of(tid);
    bool is_free = user.text.empty();
    if (!is_free && !context.has_own_pids()) user.text += "; --new-pids restores into a pid namespace of its own";
    context.add(
        {fmt::format("task {}", tid), fmt::format("id {} must be free", tid), is_free, user.text, user.is_dead});
  }

  void reach(RestoreContext& context, const Record& record, Milestone milestone) const override {
    if (milestone != image::BORN) return;
    const auto& state = record.as<image::Task>();
    const graph::ProcessNode& process = context.tree().process(context.tree().process_of(record.id));
    bool leads = process.leader() == record.id;
    if (!leads) return give_birth(context, record.id, context.actor_of(process.id), state, thread_flags());
    const graph::Birth& birth = context.births().of(process.id);
    if (birth.way == Way::kPlanter) return;
    if (process.id == context.tree().root().id) return bear_root(context, record.id, state);
    RestoredTask& creator = birth.creator ? context.actor_of(birth.creator) : context.planter();
    uint64_t flags = shared_flags(context, state, creator);
    if (birth.way == Way::kOrphan) return bear_orphan(context, record.id, creator, process, state, flags);
    bool sibling = birth.way == Way::kSibling;
    int exit_signal = process.state->exit_signal();
    give_birth(context, record.id, creator, state, flags | (sibling ? CLONE_PARENT : 0), sibling ? 0 : exit_signal);
  }

 private:
  // Who has an id.
  struct User {
    std::string text;      // empty: nobody
    bool is_dead = false;  // until it is waited for, as init does for orphans in a moment
  };

  static User user_in_new_namespace(pid_t id) {
    if (id != 1) return {};
    return {"cairn-init has it, as process 1 of the pid namespace that is made for the tree"};
  }

  static User user_of(pid_t id) {
    if (auto stat = kernel::try_stat_of({id})) return user_as_told(*stat);
    // An id that lives on as a group or session has no /proc entry.
    if (kernel::call("kill", SYS_kill, -id, 0) != -ESRCH) return {"in use as a process group", is_dead_group(id)};
    return {};
  }

  static User user_as_told(const kernel::Stat& stat) {
    if (!stat.process_has_ended()) return {fmt::format("in use by {}", stat.comm)};
    return {
        fmt::format("in use by {}, which has ended, but process {} has not waited for it", stat.comm, stat.parent()),
        true};
  }

  static bool is_dead_group(pid_t id) {
    for (HostPid pid : kernel::ProcDir::list_processes()) {
      auto stat = kernel::try_stat_of(pid);
      if (stat && stat->group() == id && !stat->process_has_ended()) return false;
    }
    return true;
  }

  static uint64_t thread_flags() {
    return CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  }

  static void bear_root(RestoreContext& context, RecordId record, const image::Task& state) {
    if (context.root_origin() == RestoreContext::Root::kPlanter) return;
    // With CLONE_PARENT the exit signal is the planter's own, SIGCHLD, and must not be given.
    bool sibling = context.root_origin() == RestoreContext::Root::kSiblingOfPlanter;
    give_birth(context, record, context.planter(), state, sibling ? CLONE_PARENT : 0, sibling ? 0 : SIGCHLD);
  }

  // Nobody is a sub-reaper yet, but the parent for this moment.
  static void bear_orphan(RestoreContext& context, RecordId record, RestoredTask& creator,
                          const graph::ProcessNode& process, const image::Task& state, uint64_t flags) {
    RestoredTask& mother = context.begin_temporary(creator, flags);
    give_birth(context, record, mother, state, flags, SIGCHLD);
    context.actor_of(record);
    tracee::Batch& parent = context.actor_of(process.parent).room(1);
    parent.call(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1);
    parent.flush();
    context.end_temporary(creator);
    parent.call(SYS_prctl, PR_SET_CHILD_SUBREAPER, 0);
    parent.flush();
  }

  static uint64_t shared_flags(RestoreContext& context, const image::Task& state, RestoredTask& creator) {
    if (!creator.record()) return 0;
    const auto& other = context.records().state<image::Task>(creator.record());
    auto shared = [](const image::Link& a, const image::Link& b) { return a.id() != 0 && a.id() == b.id(); };
    return (shared(state.mm(), other.mm()) ? CLONE_VM : 0) | (shared(state.files(), other.files()) ? CLONE_FILES : 0) |
           (shared(state.fs(), other.fs()) ? CLONE_FS : 0) |
           (shared(state.sighand(), other.sighand()) ? CLONE_SIGHAND : 0);
  }

  static void give_birth(RestoreContext& context, RecordId record, RestoredTask& creator, const image::Task& state,
                         uint64_t flags, int exit_signal = 0) {
    prepare_birth(context, record, &creator);
    tracee::Batch& batch = creator.room(1, sizeof(kernel::CloneArguments) + sizeof(pid_t));
    pid_t tid = state.tid();
    kernel::CloneArguments arguments{};
    arguments.flags = flags | CLONE_PTRACE;
    arguments.exit_signal = static_cast<uint64_t>(exit_signal);
    arguments.set_tid = batch.put(tid).value;
    arguments.set_tid_size = 1;
    batch.call(SYS_clone3, batch.put(arguments), sizeof(arguments));
    context.expect_birth(record, creator);
  }
};

}  // namespace

const Kind& task_kind() {
  static const TaskKind kKind;
  return kKind;
}

}  // namespace cairn::resources
