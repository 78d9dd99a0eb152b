// How far a long checkpoint or restore has come, for whoever wants to show it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace cairn::engine {

struct Progress {
  const char* step;  // a step of ARCHITECTURE.md: "capture"
  uint64_t done = 0;
  uint64_t total = 0;  // bytes; 0 when it isn't known or nothing is counted
};

// Called from a thread of its own, several times a second. The tree may be held while it runs: it must not throw, and
// must not wait for anything that the tree may have to do.
using ProgressCallback = std::function<void(const Progress&)>;

// Reports what `now` says as long as it lives; does nothing at all for an empty callback.
class ProgressReporter {
 public:
  ProgressReporter(ProgressCallback report, std::function<Progress()> now);
  ProgressReporter(const ProgressReporter&) = delete;
  ~ProgressReporter();

 private:
  void run(const std::stop_token& stop);

  ProgressCallback report_;
  std::function<Progress()> now_;
  std::mutex mutex_;
  std::condition_variable_any ended_;
  std::jthread thread_;
};

}  // namespace cairn::engine
