// Locks and leases on files, for the kinds whose descriptions can have some.
#pragma once

#include "resources/describe_context.h"

namespace cairn::resources {

// An obstacle for each lock that is held through this description, or by a process of the tree on its file.
void refuse_locks(DescribeContext& context, const DescriptionView& view);

}  // namespace cairn::resources
