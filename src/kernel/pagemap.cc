#include "kernel/pagemap.h"

namespace cairn::kernel {}
