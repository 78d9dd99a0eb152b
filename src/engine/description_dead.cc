// The dead of a tree: zombies, with all that the kernel still shows of them, and phantoms, of which only the id is left
// in the sessions and groups of others.
#include <sys/syscall.h>
#include <sys/wait.h>

#include "engine/description.h"
#include "kernel/calls.h"

namespace cairn::engine {

using resources::Level;

namespace {

// The exit status of others reads as 0 (proc_pid_stat(5)), as the links below ns can't be read.
bool shows_status(const kernel::ProcDir& process) {
  char link[64];
  return kernel::call("readlinkat", SYS_readlinkat, process.fd(), kernel::arg("ns/user"), kernel::arg(link),
                      sizeof(link)) >= 0;
}

}  // namespace

void Description::describe_death(const tracee::HeldProcess& process, const kernel::Stat& stat, image::Process& state) {
  int exit_status = stat.exit_code();
  state.set_exit_status(exit_status);
  if (exit_status == 0 && !shows_status(process.proc)) {
    obstacle("it is a zombie, and the kernel tells only root how it ended", "run cairn as root, or let its parent wait",
             "zombies");
  }
  if (WIFSIGNALED(exit_status) && WCOREDUMP(exit_status)) {
    obstacle("it has dumped core, as its exit status tells, and would do that again", "let its parent wait for it",
             "zombies");
  }
  kernel::KeyValues status = process.proc.status();
  state.set_blocked(status.hex("SigBlk"));
  state.set_ignored(status.hex("SigIgn"));
  state.set_caught(status.hex("SigCgt"));
  state.set_pending(status.hex("SigPnd"));
  state.set_shared_pending(status.hex("ShdPnd"));
}

void Description::describe_remains(const kernel::ProcDir& zombie, RecordId process, RecordId task) {
  for (auto [level, owner] : {std::pair(Level::kTask, task), std::pair(Level::kProcess, process)}) {
    for (const auto& attribute : resources::attributes(level)) {
      image::AnyState state = attribute.face->describe_remains_any(*this, zombie);
      if (state) records_.add(records_.reserve(), owner, std::move(state));
    }
  }
}

void Description::add_phantom(pid_t id, int32_t session) {
  phantoms_.insert(id);
  auto state = std::make_unique<image::Process>();
  state->set_life(image::Process::PHANTOM);
  state->set_pid(number_of({id}).value);
  state->set_group(number_of({id}).value);
  state->set_session(session);
  state->set_exit_signal(SIGCHLD);
  RecordId process = records_.reserve();
  records_.add(process, {}, std::move(state));
  describe_dead(id, process, records_.reserve());
}

void Description::describe_dead(pid_t pid, RecordId process, RecordId task) {
  auto skeleton = std::make_unique<image::Task>();
  skeleton->set_tid(number_of({pid}).value);
  skeleton->mutable_process()->set_id(process.value);
  records_.add(task, {}, std::move(skeleton));
}

}  // namespace cairn::engine
