// The terminal that a session has for its own (tty_ioctl(4), TIOCSCTTY), and the process group that it takes for the
// foreground. The leader of the session takes the terminal as soon as it has started the session; processes that are
// born into it inherit it.
//
// /proc/PID/stat shows terminal and group. The terminal of a session outside the tree is the restorer's at a restore,
// as is the session. Refused: a leader in the tree whose terminal has its master outside, for no other session than the
// restorer's own can have that; processes that have let go of their session's terminal; a foreground that is empty.
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "resources/kind.h"
#include "resources/process/controlling_terminal.pb.h"
#include "resources/terminals.h"
#include "resources/terminals.pb.h"

namespace cairn::resources {
namespace {

constexpr const char* kRule = "terminals";
constexpr int kTerminalField = 7, kForegroundField = 8;  // of /proc/PID/stat

dev_t terminal_of(const kernel::Stat& stat) {
  auto device = static_cast<uint32_t>(stat.field(kTerminalField));
  return makedev((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00));
}

// Null when there is none, or its other end isn't in the tree.
RecordId pty_record(DescribeContext& context, dev_t device) {
  auto number = pty_of_device(device);
  auto master = number ? find_master(context, *number) : std::nullopt;
  return master ? pty_of_master(context, *master) : RecordId{};
}

class ControllingTerminalKind final : public AttributeKind<image::ControllingTerminal, Level::kProcess> {
 public:
  Reading<image::ControllingTerminal> describe(DescribeContext& context, const TaskView& task,
                                               tracee::Batch&) const override {
    image::ControllingTerminal state;
    dev_t device = terminal_of(task.stat());
    if (!task.leads_session()) {
      refuse_without(context, task, device);
    } else if (device != 0) {
      state.mutable_pty()->set_id(pty_record(context, device).value);
      if (state.pty().id() == 0) refuse_outer(context, device);
    }
    return [state]() -> std::optional<image::ControllingTerminal> {
      if (state.pty().id() == 0) return {};
      return state;
    };
  }

  // A descriptor of it is kept until the end: when the last one is closed the session loses its terminal.
  void apply(RestoreContext& context, const image::ControllingTerminal& state, RestoredTask& task) const override {
    const auto& pty = context.records().state<image::Pty>({state.pty().id()});
    auto slave = std::make_shared<OwnedFd>(kernel::open(context.path_in_tree(pty.path()), O_RDWR | O_NOCTTY));
    context.at_end([slave] {});
    int fds[] = {slave->get()};
    int number = context.hand_over(task, fds).front();
    task.room(2).call(SYS_ioctl, number, TIOCSCTTY, 0);
    task.batch().call(SYS_close, number);
    task.batch().flush();
  }

 private:
  static void refuse_outer(DescribeContext& context, dev_t device) {
    context.obstacle(
        fmt::format("it leads a session whose terminal ({}:{}) is outside the tree", major(device), minor(device)),
        "checkpoint a job of that session instead, or from the program that made the terminal", kRule);
  }

  static void refuse_without(DescribeContext& context, const TaskView& task, dev_t device) {
    for (const tracee::HeldProcess& process : context.processes()) {
      if (process.pid.value != task.stat().session() || terminal_of(process.proc.stat()) == device) continue;
      context.obstacle("its controlling terminal is not that of the leader of its session",
                       "let it start a session of its own (setsid)", kRule);
    }
  }
};

class ForegroundGroupKind final : public AttributeKind<image::ForegroundGroup, Level::kProcess> {
 public:
  Reading<image::ForegroundGroup> describe(DescribeContext& context, const TaskView& task,
                                           tracee::Batch&) const override {
    image::ForegroundGroup state;
    if (task.leads_session() && terminal_of(task.stat()) != 0) {
      HostPid group{static_cast<pid_t>(task.stat().field(kForegroundField))};
      state.mutable_leader()->set_id(context.process(group).value);
      if (state.leader().id() == 0) {
        context.passing_obstacle("nobody is in the foreground of its terminal", "again", kRule);
      }
    }
    return [state]() -> std::optional<image::ForegroundGroup> {
      if (state.leader().id() == 0) return {};
      return state;
    };
  }

  void apply(RestoreContext& context, const image::ForegroundGroup& state, RestoredTask& task) const override {
    tracee::Batch& batch = task.room(3, 64);
    auto terminal = batch.call(SYS_openat, AT_FDCWD, batch.put(std::string("/dev/tty")), O_RDWR | O_NOCTTY);
    pid_t group = context.tree().process({state.leader().id()}).state->pid();
    batch.call(SYS_ioctl, terminal, TIOCSPGRP, batch.put(group));
    batch.call(SYS_close, terminal);
  }
};

}  // namespace

const Kind& controlling_terminal_kind() {
  static const ControllingTerminalKind kKind;
  return kKind;
}

const Kind& foreground_group_kind() {
  static const ForegroundGroupKind kKind;
  return kKind;
}

}  // namespace cairn::resources
