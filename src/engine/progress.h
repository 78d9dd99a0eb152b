// How far a long checkpoint or restore has come, for whoever wants to show it.
#pragma once

#include <cstdint>
#include <functional>

namespace cairn::engine {

struct Progress {
  const char* step;  // a step of ARCHITECTURE.md: "hold", "capture", "write", "fill" ...
  uint64_t done = 0;
  uint64_t total = 0;  // bytes; 0 when it isn't known or nothing is counted
};

// Called from the thread that runs the engine, at every step and every few milliseconds of a long one. The tree may be
// held while it runs: it must not throw or block.
using ProgressCallback = std::function<void(const Progress&)>;

}  // namespace cairn::engine
