// One line on the terminal that tells how far a long operation has come. It appears after a second and goes away by
// itself; without a terminal on standard error there is none.
#pragma once

#include <chrono>
#include <string>

#include "cli/command.h"
#include "engine/progress.h"

namespace cairn::cli {

class ProgressLine {
 public:
  ProgressLine(std::string what, const Common& common);
  ProgressLine(const ProgressLine&) = delete;
  ~ProgressLine();

  // For the engine's options; empty when nothing would be shown. Valid as long as this object.
  engine::ProgressCallback callback();

 private:
  using Clock = std::chrono::steady_clock;

  void show(const engine::Progress& progress);
  // Never blocks: a terminal that takes no output (stopped by ^S, or its reader is in the very tree that we hold) gets
  // none.
  void put(const std::string& text);

  std::string what_;
  bool wanted_;
  bool shown_ = false;
  Clock::time_point next_;
};

}  // namespace cairn::cli
