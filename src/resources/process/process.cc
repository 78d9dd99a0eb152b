// A process: what its threads share beside memory and tables. It is made when its leader is born; connected when it has
// joined its session and process group; sealed when, being a zombie, it has died with its recorded status, or, being a
// phantom, has left nothing but its id in the sessions and groups of others.
#include <sys/syscall.h>

#include "resources/kind.h"

namespace cairn::resources {
namespace {

class ProcessKind final : public TypedKind<image::Process> {
 public:
  graph::Shape shape() const override { return graph::Shape::kProcess; }

  void reach(RestoreContext& context, const Record& record, Milestone milestone) const override {
    const auto& state = record.as<image::Process>();
    if (milestone == image::MADE) begin_group_or_session(context, record);
    if (milestone == image::CONNECTED) join_session_and_group(context, record, state);
    // Its parent has SIGCHLD at default and no handler yet; it is told once and keeps the zombie.
    if (milestone == image::SEALED && state.life() == image::Process::ZOMBIE)
      context.end(record.id, state.exit_status());
    if (milestone == image::SEALED && state.life() == image::Process::PHANTOM) context.end_phantom(record.id);
  }

 private:
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
