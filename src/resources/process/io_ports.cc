// ioperm(2): I/O ports that a task may use directly. They are devices of the host. Refused.
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <array>

#include "resources/kind.h"
#include "resources/process/io_ports.pb.h"

namespace cairn::resources {
namespace {

class IoPortsKind final : public RefusedAttributeKind<image::IoPorts, Level::kTask> {
 public:
  void refuse(DescribeContext& context, const TaskView& task) const override {
    std::array<std::byte, 8192> bitmap;
    iovec area = {bitmap.data(), bitmap.size()};
    // ENXIO: it never asked for any.
    long result = kernel::call("PTRACE_GETREGSET(NT_386_IOPERM)", SYS_ptrace, PTRACE_GETREGSET, task.thread().value,
                               NT_386_IOPERM, kernel::arg(&area));
    if (result == 0)
      context.obstacle("it uses I/O ports of the host (ioperm)", "checkpoint it without access to devices", "devices");
  }
};

}  // namespace

const Kind& io_ports_kind() {
  static const IoPortsKind kKind;
  return kKind;
}

}  // namespace cairn::resources
