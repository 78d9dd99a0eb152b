// From a running tree to an image. The steps are separate calls so that hooks, a container engine or a coordinator of
// several hosts can put a barrier between any two; checkpoint() runs them all.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "engine/progress.h"
#include "engine/snapshots.h"
#include "graph/obstacle.h"
#include "image/writer.h"

namespace cairn::engine {

enum class Then { kResume, kKill, kStop };

struct CheckpointOptions {
  HostPid root;
  std::string output;  // empty: ./COMM-PID.cairn
  image::Existing existing = image::Existing::kRefuse;
  Then then = Then::kResume;
  Live live = Live::kAuto;  // of a tree that goes on
  image::Compression compression;
  std::chrono::milliseconds timeout{10'000};  // for holding the tree, and for obstacles that may go away by themselves
  std::optional<std::chrono::milliseconds> most_pause;  // longer, and the checkpoint is given up
  std::set<std::string> external;                       // links of ends outside the tree; a rule for peers
  ProgressCallback progress;                            // may be empty
};

struct CheckpointResult {
  std::string image;
  size_t processes = 0, threads = 0;
  size_t snapshots = 0;              // address spaces that were written while the tree went on
  uint64_t bytes = 0;                // of the image
  std::chrono::nanoseconds pause{};  // from the first task that stopped to the release of the last
  std::chrono::nanoseconds total{};
};

class Checkpoint {
 public:
  explicit Checkpoint(CheckpointOptions options);
  Checkpoint(const Checkpoint&) = delete;
  ~Checkpoint();  // abort(), unless it was committed

  void hold();      // every task is in a stop; nothing has been read before. Again after let_go()
  void describe();  // all records, all obstacles; nothing has been written. Throws graph::Refused
  void capture();   // bulk bytes are in the partial image; a tree that is to go on has been let go
  void prepare();   // records are written too
  void commit();    // the image exists
  void release();   // as options.then says; kill and stop only after the commit
  void abort();     // everything is put back, no image is left

  // After a describe() that was refused for reasons that pass: the tree runs on for a while.
  void let_go();

  CheckpointResult result() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

CheckpointResult checkpoint(const CheckpointOptions& options);

// Every obstacle of the tree below `root`, now; empty when it can be checkpointed. Changes nothing.
std::vector<graph::Obstacle> check(HostPid root, std::chrono::milliseconds timeout,
                                   const std::set<std::string>& external = {});

}  // namespace cairn::engine
