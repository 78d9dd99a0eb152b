// cairn inspect IMAGE
#include "engine/inspect.h"

#include <memory>

#include "cli/command.h"

namespace cairn::cli {
namespace {

constexpr const char* kExamples = R"(Examples:
  cairn inspect redis-server-4242.cairn
      The processes, their descriptors and mappings, the sizes, and what a restore needs.
  cairn inspect --json redis-server-4242.cairn
      Every field of every record, for programs.

Exit status: 0 done, 1 failed, 2 wrong usage, 5 the image is damaged, incomplete or of an unknown version.)";

}  // namespace

Run declare_inspect(CLI::App& app) {
  auto image = std::make_shared<std::string>();
  app.add_option("IMAGE", *image, "Directory of the image")->type_name("")->required();
  app.footer(kExamples);
  return [image](const Common& common) {
    print(common.json() ? engine::inspect_json(*image) : engine::inspect_text(*image));
    return 0;
  };
}

}  // namespace cairn::cli
