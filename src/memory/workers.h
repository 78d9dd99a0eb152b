// Runs one function on several threads until the work is used up; the first Error ends all of them and is thrown again
// here.
#pragma once

#include <functional>

namespace cairn::memory {

// Calls `work(i)` for every i below `items`, each once, in ascending order of start. With one item, or one CPU, on this
// thread.
void run_workers(size_t items, const std::function<void(size_t)>& work);

}  // namespace cairn::memory
