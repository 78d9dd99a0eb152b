#include "resources/own_table.h"

#include <sched.h>
#include <sys/syscall.h>

#include <exception>
#include <thread>

#include "kernel/seam.h"

namespace cairn::resources {

namespace {

void on_thread_without(int shared, const std::function<void()>& body) {
  std::exception_ptr failure;
  std::thread worker([&] {
    try {
      kernel::checked("unshare", SYS_unshare, shared);
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  worker.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

void with_own_table(const std::function<void()>& body) { on_thread_without(CLONE_FILES, body); }
void with_own_directory(const std::function<void()>& body) { on_thread_without(CLONE_FS, body); }

}  // namespace cairn::resources
