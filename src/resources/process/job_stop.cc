// A stop of job control (SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU), and what the parent was told of it: a stop, and a
// continuation, can be waited for once (WUNTRACED, WCONTINUED). The parent itself is asked for each of its children, by
// waitid(2) with WNOWAIT; it is described before them. What a parent outside knows is not known.
//
// A restored process is stopped by the signal while it is still bare, and its parent waits for it where the recorded
// one had. Both happens before either has dispositions or pending signals, so that the SIGCHLD of now can be taken
// away.
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>
#include <map>

#include "kernel/signals.h"
#include "resources/kind.h"
#include "resources/process/job_stop.pb.h"

namespace cairn::resources {
namespace {

// What can be waited for, by child: si_code of SIGCHLD.
struct Untold {
  std::map<HostPid, int> codes;
};

class JobStopKind final : public AttributeKind<image::JobStop, Level::kProcess> {
 public:
  Reading<image::JobStop> describe(DescribeContext& context, const TaskView& task,
                                   tracee::Batch& batch) const override {
    HostPid self = task.process().pid;
    int signal = task.task().stop_kind() == tracee::StopKind::kGroup ? task.task().group_stop_signal() : 0;
    auto asked = ask_for_children(context, self, batch);
    return [asked = std::move(asked), signal, self, &untold = context.once<Untold>().codes] {
      for (const auto& [child, answer] : asked) {
        siginfo_t info = answer.value();
        if (info.si_pid != 0) untold[child] = info.si_code;
      }
      return state_of(signal, untold.contains(self) ? untold.at(self) : 0);
    };
  }

  void apply(RestoreContext& context, const image::JobStop& state, RestoredTask& task) const override {
    if (!task.batch().empty()) task.batch().flush();
    int signal = state.signal() != 0 ? state.signal() : SIGSTOP;
    if (!task.task().stop_by(signal) && !task.task().stop_by(SIGSTOP)) {
      throw Error(fmt::format("process {} can't be stopped", task.process().value));
    }
    if (state.continued()) task.task().continue_job();
    const graph::ProcessNode& process = context.tree().process(context.tree().process_of(task.record()));
    if (process.parent) tell(context.actor_of(process.parent), process.state->pid(), state.told());
  }

 private:
  using Asked = std::vector<std::pair<HostPid, tracee::Out<siginfo_t>>>;

  static Asked ask_for_children(DescribeContext& context, HostPid parent, tracee::Batch& batch) {
    Asked asked;
    for (const tracee::HeldProcess& child : context.processes()) {
      if (child.parent != parent || child.zombie) continue;
      room(batch, 1, sizeof(siginfo_t));
      asked.emplace_back(child.pid, batch.out<siginfo_t>());
      batch.try_call(SYS_waitid, P_PID, context.number_of(child.pid).value, asked.back().second,
                     WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT | __WALL, 0);
    }
    return asked;
  }

  static std::optional<image::JobStop> state_of(int signal, int untold) {
    bool continued = signal == 0 && untold == CLD_CONTINUED;
    if (signal == 0 && !continued) return std::nullopt;
    image::JobStop state;
    state.set_signal(signal);
    state.set_told(signal != 0 && untold != CLD_STOPPED);
    state.set_continued(continued);
    return state;
  }

  static void tell(RestoredTask& parent, pid_t child, bool waits) {
    if (waits) {
      parent.room(1).call(SYS_waitid, P_PID, child, 0, WSTOPPED | WNOHANG | __WALL, 0);
    }
    parent.take_pending(kernel::signal_bit(SIGCHLD));
  }
};

}  // namespace

const Kind& job_stop_kind() {
  static const JobStopKind kKind;
  return kKind;
}

}  // namespace cairn::resources
