#include "resources/own_table.h"

#include <sched.h>
#include <sys/syscall.h>

#include <exception>
#include <thread>

#include "kernel/seam.h"

namespace cairn::resources {

void with_own_table(const std::function<void()>& body) {
  std::exception_ptr failure;
  std::thread worker([&] {
    try {
      kernel::checked("unshare descriptor table", SYS_unshare, CLONE_FILES);
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  worker.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace cairn::resources
