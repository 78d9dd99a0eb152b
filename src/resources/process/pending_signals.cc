// Signals that wait: the queue of a thread and the one of the whole process, read by PTRACE_PEEKSIGINFO without taking
// them. The task queues them for itself again (rt_tgsigqueueinfo(2), rt_sigqueueinfo(2)): only so may a signal carry
// any code, also one that the kernel or kill(2) gives. All are blocked meanwhile, and dispositions come before, since
// setting "ignore" empties the queue.
#include <sys/syscall.h>

#include <array>
#include <cstddef>
#include <cstring>

#include "resources/kind.h"
#include "resources/process/pending_signals.pb.h"

namespace cairn::resources {
namespace {

constexpr size_t kDetails = 16;  // offset in siginfo_t

image::QueuedSignal store(const siginfo_t& info) {
  image::QueuedSignal signal;
  signal.set_signal(info.si_signo);
  signal.set_error(info.si_errno);
  signal.set_code(info.si_code);
  std::string details(reinterpret_cast<const char*>(&info) + kDetails, sizeof(info) - kDetails);
  details.resize(details.find_last_not_of('\0') + 1);
  signal.set_details(details);
  return signal;
}

siginfo_t load(const image::QueuedSignal& signal) {
  std::array<char, sizeof(siginfo_t)> bytes{};
  size_t size = std::min(signal.details().size(), bytes.size() - kDetails);
  std::memcpy(bytes.data() + kDetails, signal.details().data(), size);
  siginfo_t info;
  std::memcpy(&info, bytes.data(), sizeof(info));
  info.si_signo = signal.signal();
  info.si_errno = signal.error();
  info.si_code = signal.code();
  return info;
}

// Nothing when the queue is empty. SIGKILL isn't kept: who has it dies.
template <typename State>
std::optional<State> read_queue(const TaskView& task, bool shared) {
  State state;
  for (const siginfo_t& info : task.task().pending_signals(shared)) {
    if (info.si_signo == SIGKILL) throw Error(fmt::format("process {} is being killed", task.task().process().value));
    *state.add_signals() = store(info);
  }
  return state.signals().empty() ? std::nullopt : std::optional(state);
}

class PendingSignalsKind final : public AttributeKind<image::PendingSignals, Level::kTask> {
 public:
  Reading<image::PendingSignals> describe(DescribeContext&, const TaskView& task, tracee::Batch&) const override {
    return [state = read_queue<image::PendingSignals>(task, false)] { return state; };
  }

  // The ids are those that the task itself sees.
  void apply(RestoreContext&, const image::PendingSignals& state, RestoredTask& task) const override {
    for (const image::QueuedSignal& signal : state.signals()) {
      tracee::Batch& batch = task.room(3, sizeof(siginfo_t));
      auto process = batch.call(SYS_getpid);
      auto thread = batch.call(SYS_gettid);
      batch.call(SYS_rt_tgsigqueueinfo, process, thread, signal.signal(), batch.put(load(signal)));
    }
  }
};

class SharedPendingSignalsKind final : public AttributeKind<image::SharedPendingSignals, Level::kProcess> {
 public:
  Reading<image::SharedPendingSignals> describe(DescribeContext&, const TaskView& task, tracee::Batch&) const override {
    return [state = read_queue<image::SharedPendingSignals>(task, true)] { return state; };
  }

  void apply(RestoreContext&, const image::SharedPendingSignals& state, RestoredTask& task) const override {
    for (const image::QueuedSignal& signal : state.signals()) {
      tracee::Batch& batch = task.room(2, sizeof(siginfo_t));
      auto process = batch.call(SYS_getpid);
      batch.call(SYS_rt_sigqueueinfo, process, signal.signal(), batch.put(load(signal)));
    }
  }
};

}  // namespace

const Kind& pending_signals_kind() {
  static const PendingSignalsKind kKind;
  return kKind;
}

const Kind& shared_pending_signals_kind() {
  static const SharedPendingSignalsKind kKind;
  return kKind;
}

}  // namespace cairn::resources
