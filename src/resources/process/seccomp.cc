// seccomp(2): strict mode and filters. ptrace(2) gives the filters back as they were added (PTRACE_SECCOMP_GET_FILTER,
// Linux 4.4, CONFIG_CHECKPOINT_RESTORE) to a tracer that has CAP_SYS_ADMIN and no filter itself. They are added again
// while the new task may still do all, with PTRACE_O_SUSPEND_SECCOMP keeping them away from our own calls until the
// release.
//
// A filter that asks a supervisor (SECCOMP_RET_USER_NOTIF) is refused: who listens can't be seen. Threads that shared
// their filters have equal ones of their own afterwards: to add one to all of them (SECCOMP_FILTER_FLAG_TSYNC) is
// refused by the kernel then.
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <cstring>

#include "resources/kind.h"
#include "resources/own_rights.h"
#include "resources/process/seccomp.pb.h"

namespace cairn::resources {
namespace {

constexpr long kGetFilter = 0x420c, kGetMetadata = 0x420d;  // PTRACE_SECCOMP_GET_FILTER, ..._GET_METADATA
constexpr unsigned kSuspend = 1u << 21;                     // PTRACE_O_SUSPEND_SECCOMP
constexpr uint64_t kStrict = 1;

struct Metadata {  // struct seccomp_metadata
  uint64_t filter_off = 0, flags = 0;
};

using Instructions = std::vector<sock_filter>;

// Nothing when there are not so many.
std::optional<Instructions> read_instructions(HostPid task, long index) {
  long count = kernel::call("PTRACE_SECCOMP_GET_FILTER", SYS_ptrace, kGetFilter, task.value, index, 0);
  if (count == -ENOENT) return {};
  if (count < 0) throw Error::system(fmt::format("read the seccomp filters of task {}", task.value), int(-count));
  Instructions instructions(static_cast<size_t>(count));
  kernel::checked("PTRACE_SECCOMP_GET_FILTER", SYS_ptrace, kGetFilter, task.value, index,
                  kernel::arg(instructions.data()));
  return instructions;
}

bool logs(HostPid task, long index) {
  Metadata metadata{static_cast<uint64_t>(index), 0};
  kernel::checked("PTRACE_SECCOMP_GET_METADATA", SYS_ptrace, kGetMetadata, task.value, sizeof(metadata),
                  kernel::arg(&metadata));
  return (metadata.flags & SECCOMP_FILTER_FLAG_LOG) != 0;
}

bool asks_supervisor(const Instructions& instructions) {
  for (const sock_filter& one : instructions)
    if (one.code == (BPF_RET | BPF_K) && (one.k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF) return true;
  return false;
}

class SeccompKind final : public AttributeKind<image::Seccomp, Level::kTask> {
 public:
  Reading<image::Seccomp> describe(DescribeContext& context, const TaskView& task, tracee::Batch&) const override {
    uint64_t mode = task.status().number("Seccomp");
    if (mode == 0) return [] { return std::nullopt; };
    image::Seccomp state;
    state.set_strict(mode == kStrict);
    if (mode != kStrict) read_filters(context, task.thread(), state);
    return [state] { return std::optional(state); };
  }

  void apply(RestoreContext&, const image::Seccomp& state, RestoredTask& task) const override {
    task.task().set_options(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | kSuspend);
    for (const image::SeccompFilter& filter : state.filters()) add_filter(task, filter);
    if (state.strict()) task.room(1).call(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0);
  }

  void check(CheckContext& context, const image::Seccomp&) const override {
    bool filtered = own_status().number("Seccomp") != 0;
    if (has_capability(CAP_SYS_ADMIN) && !filtered) return;
    context.add({"cairn", "the right to put back what seccomp forbids a task", false,
                 filtered ? "it is under seccomp itself" : "no CAP_SYS_ADMIN"});
  }

 private:
  static void read_filters(DescribeContext& context, HostPid task, image::Seccomp& state) {
    if (own_status().number("Seccomp") != 0 || !has_capability(CAP_SYS_ADMIN)) {
      return context.obstacle("it is under a seccomp filter, which only root can read, and only outside of containers",
                              "run cairn as root of the host", "seccomp");
    }
    for (long index = 0; auto instructions = read_instructions(task, index); ++index) {
      if (asks_supervisor(*instructions))
        context.obstacle("its seccomp filter asks a supervisor", "start it without that supervisor", "seccomp");
      image::SeccompFilter& filter = *state.add_filters();
      filter.set_instructions(instructions->data(), instructions->size() * sizeof(sock_filter));
      filter.set_logs(logs(task, index));
    }
  }

  static void add_filter(RestoredTask& task, const image::SeccompFilter& filter) {
    const std::string& code = filter.instructions();
    tracee::Batch& batch = task.room(1, code.size() + sizeof(sock_fprog));
    sock_fprog program{};
    program.len = static_cast<unsigned short>(code.size() / sizeof(sock_filter));
    program.filter = reinterpret_cast<sock_filter*>(batch.put(code.data(), code.size()).value);
    // Without the last flag the kernel would also restrict speculation, which is recorded for itself.
    unsigned flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW | (filter.logs() ? SECCOMP_FILTER_FLAG_LOG : 0);
    batch.call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, batch.put(program));
  }
};

}  // namespace

const Kind& seccomp_kind() {
  static const SeccompKind kKind;
  return kKind;
}

}  // namespace cairn::resources
