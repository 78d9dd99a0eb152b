// A process: what its threads share beside memory and tables. It is made when its leader is born; connected when it has
// joined its session and process group; sealed when, being a zombie, it has died with its recorded status, or, being a
// phantom, has left nothing but its id in the sessions and groups of others.
#include <sys/syscall.h>

#include "kernel/signals.h"
#include "resources/kind.h"

namespace cairn::resources {
namespace {

using kernel::kSignals, kernel::signal_bit;

constexpr uint64_t kIgnore = 1;    // SIG_IGN
constexpr uint64_t kNeverRun = 2;  // any handler: the task is about to end

class ProcessKind final : public TypedKind<image::Process> {
 public:
  graph::Shape shape() const override { return graph::Shape::kProcess; }

  void reach(RestoreContext& context, const Record& record, Milestone milestone) const override {
    const auto& state = record.as<image::Process>();
    if (milestone == image::MADE) begin_group_or_session(context, record);
    if (milestone == image::CONNECTED) join_session_and_group(context, record, state);
    // Its parent has SIGCHLD at default and no handler yet; it is told once and keeps the zombie.
    if (milestone == image::SEALED && state.life() == image::Process::ZOMBIE) end(context, record, state);
    if (milestone == image::SEALED && state.life() == image::Process::PHANTOM) context.end_phantom(record.id);
  }

 private:
  static void end(RestoreContext& context, const Record& record, const image::Process& state) {
    RestoredTask& task = context.actor_of(record.id);
    for (int signal = 1; signal <= kSignals; ++signal) {
      if (((state.ignored() | state.caught()) & signal_bit(signal)) == 0) continue;
      kernel::SignalAction action;
      action.handler = (state.ignored() & signal_bit(signal)) != 0 ? kIgnore : kNeverRun;
      tracee::Batch& batch = task.room(1, sizeof(action));
      batch.call(SYS_rt_sigaction, signal, batch.put(action), 0, sizeof(action.mask));
    }
    leave_pending(task, state);
    context.end(record.id);
  }

  // Only what is blocked: anything else could be taken for the cause of its death.
  static void leave_pending(RestoredTask& task, const image::Process& state) {
    for (int signal = 1; signal <= kSignals; ++signal) {
      if ((state.blocked() & signal_bit(signal)) == 0) continue;
      if ((state.shared_pending() & signal_bit(signal)) != 0) task.room(1).call(SYS_kill, state.pid(), signal);
      if ((state.pending() & signal_bit(signal)) != 0) task.room(1).call(SYS_tkill, state.pid(), signal);
    }
  }

  static bool root_starts_session(RestoreContext& context, const Record& record) {
    return context.tree().root().id == record.id && context.root_starts_session();
  }

  static void begin_group_or_session(RestoreContext& context, const Record& record) {
    if (root_starts_session(context, record)) {
      context.actor_of(record.id).room(1).call(SYS_setsid);
    } else if (context.births().founds_group(record.id)) {
      context.actor_of(record.id).room(1).call(SYS_setpgid, 0, 0);
    }
  }

  static void join_session_and_group(RestoreContext& context, const Record& record, const image::Process& state) {
    if (root_starts_session(context, record)) return;
    RestoredTask& task = context.actor_of(record.id);
    if (state.session() == state.pid()) {
      task.room(1).call(SYS_setsid);
    } else if (state.group() != 0) {
      task.room(1).call(SYS_setpgid, 0, state.group() == state.pid() ? 0 : state.group());
    }
  }
};

}  // namespace

const Kind& process_kind() {
  static const ProcessKind kKind;
  return kKind;
}

}  // namespace cairn::resources
