// prctl(2) PR_SET_SYSCALL_USER_DISPATCH: system calls of a task raise SIGSYS instead, as Wine needs it. Shown by
// ptrace(2) since Linux 6.4. Refused at once: the calls of a batch would be caught as well.
#include <sys/syscall.h>

#include "kernel/constants.h"
#include "resources/kind.h"
#include "resources/process/syscall_user_dispatch.pb.h"

namespace cairn::resources {
namespace {

struct Configuration {  // struct ptrace_sud_config
  uint64_t mode = 0, selector = 0, offset = 0, length = 0;
};

class SyscallUserDispatchKind final : public RefusedAttributeKind<image::SyscallUserDispatch, Level::kTask> {
 public:
  void refuse(DescribeContext&, const TaskView& task) const override {
    Configuration configuration;
    long result =
        kernel::call("PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG", SYS_ptrace, kernel::kPtraceGetSyscallUserDispatchConfig,
                     task.thread().value, sizeof(configuration), kernel::arg(&configuration));
    if (result == 0 && configuration.mode != 0)
      throw Error(fmt::format("task {} catches its own system calls (PR_SET_SYSCALL_USER_DISPATCH); let it switch that "
                              "off first",
                              task.thread().value),
                  Failure::kRefused);
  }
};

}  // namespace

const Kind& syscall_user_dispatch_kind() {
  static const SyscallUserDispatchKind kKind;
  return kKind;
}

}  // namespace cairn::resources
