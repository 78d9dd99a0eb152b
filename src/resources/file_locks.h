// Locks on files, as the kinds whose descriptions can have some see them.
#pragma once

#include "resources/describe_context.h"

namespace cairn::resources {

// Notes that a description has locks, for the kind file_locks that keeps them. An obstacle for what it can't keep.
void note_locks(DescribeContext& context, const DescriptionView& view);

}  // namespace cairn::resources
