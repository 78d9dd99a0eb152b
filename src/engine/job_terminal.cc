#include "engine/job_terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/calls.h"

namespace cairn::engine {

JobTerminal::JobTerminal() : terminal_(kernel::try_open_at(AT_FDCWD, "/dev/tty", O_RDWR | O_NOCTTY)) {}

bool JobTerminal::lend(HostPid job) {
  pid_t group = ::getpgid(job.value);
  bool is_ours_to_lend = foreground() == ::getpgrp() && ::getsid(job.value) == ::getsid(0);
  if (!is_ours_to_lend || group <= 0 || group == ::getpgrp()) return false;
  set_foreground(group);
  lent_to_ = group;
  return true;
}

void JobTerminal::take_back() {
  if (lent_to_ != 0 && foreground() == lent_to_) set_foreground(::getpgrp());
  lent_to_ = 0;
}

pid_t JobTerminal::foreground() const {
  pid_t group = 0;
  if (terminal_) kernel::call("TIOCGPGRP", SYS_ioctl, terminal_->get(), TIOCGPGRP, kernel::arg(&group));
  return group;
}

// SIGTTOU, which the background gets for this, is ignored by the command.
void JobTerminal::set_foreground(pid_t group) {
  kernel::call("TIOCSPGRP", SYS_ioctl, terminal_->get(), TIOCSPGRP, kernel::arg(&group));
}

}  // namespace cairn::engine
