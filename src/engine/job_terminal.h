// The controlling terminal of cairn's caller, lent to a restored job in the foreground that has a process group of its
// own, as a shell lends its own to its jobs (tcsetpgrp(3), credentials(7)).
#pragma once

#include <optional>

#include "base/ids.h"
#include "base/owned_fd.h"

namespace cairn::engine {

class JobTerminal {
 public:
  JobTerminal();

  // The job's group becomes the one in the foreground, if ours is it and the job belongs to our session. True when the
  // job has the terminal only now.
  bool lend(HostPid job);
  void take_back();

 private:
  pid_t foreground() const;  // 0: there is no terminal
  void set_foreground(pid_t group);

  std::optional<OwnedFd> terminal_;  // none: a caller without one
  pid_t lent_to_ = 0;                // a process group
};

}  // namespace cairn::engine
