#include "memory/workers.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace cairn::memory {

void run_workers(size_t items, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  auto loop = [&] {
    try {
      for (size_t i = next++; i < items; i = next++) work(i);
    } catch (...) {
      next = items;
      std::scoped_lock lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  // A thread costs more than a few frames do; the tree is held by this thread, which works too.
  size_t helpers = std::min<size_t>(std::max(1U, std::thread::hardware_concurrency()) - 1, items / 4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < helpers; ++i) threads.emplace_back(loop);
  loop();
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace cairn::memory
