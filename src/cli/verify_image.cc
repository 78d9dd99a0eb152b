// cairn verify-image IMAGE
#include <fmt/format.h>

#include <memory>

#include "cli/cancelable.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/progress_line.h"
#include "cli/units.h"
#include "engine/verify.h"

namespace cairn::cli {
namespace {

constexpr const char* kExamples = R"(Examples:
  cairn verify-image redis-server-4242.cairn
      Read all of the image, and tell whether every byte is as it was written.

Exit status: 0 it is whole, 1 failed, 2 wrong usage, 5 it is damaged, incomplete or of an unknown version.)";

int run(const std::string& image, const Common& common) {
  Cancelable cancelable;
  ProgressLine progress(fmt::format("verification of {}", image), common);
  engine::Verified verified = engine::verify_image(image, progress.callback());
  if (common.json()) {
    print(JsonObject()
              .text("image", image)
              .number("records", static_cast<int64_t>(verified.records))
              .number("frames", static_cast<int64_t>(verified.frames))
              .number("bytes", static_cast<int64_t>(verified.bytes))
              .str());
  } else if (!common.quiet) {
    print(fmt::format("{}: whole; {}, {} of pages, {}", image, counted(verified.records, "record"),
                      counted(verified.frames, "frame"), human_bytes(verified.bytes)));
  }
  return 0;
}

}  // namespace

Run declare_verify_image(CLI::App& app) {
  auto image = std::make_shared<std::string>();
  app.add_option("IMAGE", *image, "Directory of the image")->type_name("")->required();
  app.footer(kExamples);
  return [image](const Common& common) { return run(*image, common); };
}

}  // namespace cairn::cli
