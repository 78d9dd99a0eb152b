#include "resources/own_rights.h"

#include <sys/syscall.h>

#include "kernel/calls.h"

namespace cairn::resources {

const kernel::KeyValues& own_status() {
  static const kernel::KeyValues kStatus = kernel::KeyValues::parse(kernel::read_file("/proc/self/status"));
  return kStatus;
}

bool has_capability(int capability) { return (own_status().hex("CapEff") >> capability & 1) != 0; }

rlimit own_limit(int resource) {
  rlimit limit{};
  kernel::checked("prlimit64", SYS_prlimit64, 0, resource, 0, kernel::arg(&limit));
  return limit;
}

}  // namespace cairn::resources
