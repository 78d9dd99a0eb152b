// From an image to a running tree. As with Checkpoint, the steps are separate calls; restore() runs them all.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "engine/envelope.h"
#include "engine/init.h"
#include "engine/job_terminal.h"
#include "engine/progress.h"
#include "graph/obstacle.h"
#include "resources/restore_context.h"

namespace cairn::engine {

// Whose child the root becomes.
enum class Parent { kCairn, kNobody, kCaller };  // foreground, --detach, --sibling

struct RestoreOptions {
  std::string image;
  Parent parent = Parent::kCairn;
  Pids pids = Pids::kAsPossible;
  std::set<std::string> accept_changed = {};                 // paths whose files may have changed since the checkpoint
  std::map<std::string, resources::Inherited> inherit = {};  // by the names of ends outside the tree
  ProgressCallback progress = {};                            // may be empty
};

struct RestoreResult {
  HostPid root;                // or the init, where that is the caller's child in its place
  std::shared_ptr<Init> init;  // of the tree's own pid namespace, after the release; or none
  size_t processes = 0, threads = 0;
  std::chrono::nanoseconds total{};
};

class Restore {
 public:
  explicit Restore(RestoreOptions options);
  Restore(const Restore&) = delete;
  ~Restore();  // unless it was released, every process that was made is killed

  void open();     // the image is verified, every precondition checked (throws graph::Unmet), the plan made
  void build();    // all processes and objects exist, sealed; everything that can fail has happened
  void hold();     // a barrier: nothing more to do but the release
  void release();  // the tree runs

  // For --dry-run, after open(): preconditions with their state (open() does not throw Unmet when `dry` was asked), and
  // the plan, a line a step, each with the edges that put it there.
  std::vector<graph::Precondition> preconditions() const;
  std::vector<std::string> plan() const;

  RestoreResult result() const;  // `root` is known from build() on, so that it can be told before the release

 private:
  friend struct DryRun dry_run(const RestoreOptions& options);
  struct State;
  std::unique_ptr<State> state_;
};

RestoreResult restore(const RestoreOptions& options);

struct DryRun {
  std::vector<graph::Precondition> preconditions;
  std::vector<std::string> plan;
};
DryRun dry_run(const RestoreOptions& options);

// To be called before anybody can know of the job: signals for it wait until wait_for_job() forwards them, and don't
// end us.
void hold_signals_for_job();
// Waits for the restored root (our child, or the init's) to end, forwarding SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1,
// SIGUSR2 and SIGCONT to it. Returns its wait status. Job control: when it stops, we stop too; when we are continued,
// so is it. What `terminal` has lent it is taken back.
int wait_for_job(const RestoreResult& restored, JobTerminal& terminal);

}  // namespace cairn::engine
