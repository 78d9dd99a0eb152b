#include "engine/verify.h"

#include <atomic>

#include "engine/image_births.h"
#include "graph/plan.h"
#include "image/reader.h"
#include "kernel/cancel.h"
#include "memory/workers.h"
#include "resources/registry.h"

namespace cairn::engine {
namespace {

void verify_frames(const image::Reader& image, const ProgressCallback& progress) {
  std::atomic<uint64_t> bytes = 0;
  ProgressReporter reporter(progress, [&] { return Progress{"verify", bytes}; });
  memory::run_workers(image.frames().size(), [&](size_t i) {
    thread_local std::vector<std::byte> buffer(image::kFrameSize);
    kernel::stop_if_canceled();
    image.read_frame(image.frames()[i], buffer.data());
    bytes += image.frames()[i].length;
  });
}

}  // namespace

Verified verify_image(const std::string& path, const ProgressCallback& progress) {
  image::Reader image = image::Reader::open(path);
  graph::RecordSet records = graph::parse_records(image.records(), resources::make_state);
  graph::Tree tree(records);
  graph::Plan(records, tree, births_of_image(tree), resources::facts_of);
  verify_frames(image, progress);
  return {records.all().size(), image.frames().size(), image.bytes()};
}

}  // namespace cairn::engine
