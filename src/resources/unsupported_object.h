// What cairn doesn't keep, called by its name: objects behind descriptors and mappings that no kind recognises.
#pragma once

#include <string>

#include "kernel/procfs.h"
#include "resources/describe_context.h"

namespace cairn::resources {

struct Refusal {
  std::string reason, remedy;
};
// A description, behind a descriptor or a mapping.
Refusal refuse_object(const DescriptionView& view);
// A mapping whose file can't be opened.
Refusal refuse_mapping(const kernel::MapsEntry& mapping);

}  // namespace cairn::resources
