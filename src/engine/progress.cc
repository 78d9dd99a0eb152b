#include "engine/progress.h"

#include <chrono>

namespace cairn::engine {
namespace {
constexpr std::chrono::milliseconds kBetween{100};
}

ProgressReporter::ProgressReporter(ProgressCallback report, std::function<Progress()> now)
    : report_(std::move(report)), now_(std::move(now)) {
  if (report_) thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

ProgressReporter::~ProgressReporter() = default;

void ProgressReporter::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, stop, kBetween, [&] { return stop.stop_requested(); })) report_(now_());
}

}  // namespace cairn::engine
