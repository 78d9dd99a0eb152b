// Memory of a held task: process_vm_readv/writev(2), which obey the protection of the pages, and /proc/PID/mem, which
// doesn't (a tracer's access is forced), for what they refuse.
#include <cerrno>

#include "kernel/calls.h"
#include "tracee/task.h"

namespace cairn::tracee {
namespace {

using Transfer = ssize_t (*)(HostPid, std::span<const iovec>, std::span<const iovec>);

// How many bytes came over before the first page that was refused; the caller asks the memory file for the rest.
size_t transfer(Transfer call, HostPid task, uint64_t remote, void* local, size_t size) {
  size_t done = 0;
  while (done < size) {
    iovec here = {static_cast<char*>(local) + done, size - done};
    iovec there = {reinterpret_cast<void*>(remote + done), size - done};
    ssize_t moved = call(task, {&here, 1}, {&there, 1});
    if (moved <= 0) break;
    done += static_cast<size_t>(moved);
  }
  return done;
}

OwnedFd memory_file(HostPid task, int flags) { return kernel::open(fmt::format("/proc/{}/mem", task.value), flags); }

std::string where(const char* what, HostPid task, uint64_t address, size_t size) {
  return fmt::format("{} {} bytes at {:#x} of process {}", what, size, address, task.value);
}

}  // namespace

void Task::read_memory(RemoteAddress from, void* to, size_t size) const {
  size_t done = transfer(kernel::try_process_vm_readv, thread_, from.value, to, size);
  if (done == size) return;
  within([&] { return where("read", process_, from.value, size); },
         [&] {
           kernel::pread_exactly(memory_file(thread_, O_RDONLY).get(), static_cast<char*>(to) + done, size - done,
                                 static_cast<off_t>(from.value + done));
         });
}

void Task::write_memory(RemoteAddress to, const void* from, size_t size) const {
  size_t done = transfer(kernel::try_process_vm_writev, thread_, to.value, const_cast<void*>(from), size);
  if (done == size) return;
  within([&] { return where("write", process_, to.value, size); },
         [&] {
           kernel::pwrite_all(memory_file(thread_, O_WRONLY).get(), static_cast<const char*>(from) + done, size - done,
                              static_cast<off_t>(to.value + done));
         });
}

}  // namespace cairn::tracee
