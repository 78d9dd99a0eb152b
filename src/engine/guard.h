// The guard: a process of ours that puts right what a killed cairn would leave behind. It sleeps until cairn's end;
// then it takes back every toggle that is noted, and sends the armed signal, if there is one, to all processes that it
// watches.
//
// Nothing is ever handed over to it, since cairn can be killed between any two instructions. It shares cairn's
// descriptor table (CLONE_FILES), so it has each duplicate and each pidfd from the moment that cairn has it, and they
// stay open until both have ended. The journal lies in memory that both map: a note is valid by its last store.
//
// It is started by the first note or watch, and ended by the destructor: a run that needs none pays nothing.
#pragma once

#include <atomic>
#include <cstddef>

#include "base/ids.h"
#include "base/owned_fd.h"
#include "resources/toggle_journal.h"

namespace cairn::engine {

class Guard final : public resources::ToggleJournal {
 public:
  Guard() = default;
  Guard(const Guard&) = delete;
  ~Guard() override;  // nothing is left to be put right

  size_t note(const resources::ToggleNote& note) override;
  void strike(size_t place) override;

  // Starts it, if it isn't there yet. Error when it can't be had, or was killed.
  void start();
  // From now on this process gets the armed signal. It must be held, so that its id can't pass to another.
  void watch(HostPid process);
  // The same for a process yet to be made: where clone3's CLONE_PIDFD is to store the descriptor.
  int* watch_next();
  // One store decides: should cairn end before disarm(), all that is watched gets `signal`.
  void arm(int signal);
  void disarm();

  bool watches() const;
  HostPid pid() const { return pid_; }  // 0: not started

 private:
  struct Journal;
  void fork();
  void end();

  Journal* journal_ = nullptr;
  OwnedFd cairn_;  // a pidfd of ourselves
  HostPid pid_{};
};

}  // namespace cairn::engine
