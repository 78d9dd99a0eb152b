// Labels of Linux security modules (SELinux, AppArmor, Smack).
#pragma once

#include <optional>
#include <string>

#include "kernel/procfs.h"

namespace cairn::resources {

// /proc/TID/attr/current; empty without such a module: the file then gives EINVAL.
std::optional<std::string> label_of(const kernel::ProcDir& task);
const std::optional<std::string>& own_label();

}  // namespace cairn::resources
