// The addresses in its own memory that a task has told the kernel: the word that is cleared at its end
// (set_tid_address(2), read by PR_GET_TID_ADDRESS, which needs CONFIG_CHECKPOINT_RESTORE), the list of robust futexes
// (get_robust_list(2)), the area of restartable sequences (rseq(2)), and the alternative signal stack (sigaltstack(2)).
// A new task has none of them.
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "resources/kind.h"
#include "resources/process/thread_pointers.pb.h"

namespace cairn::resources {
namespace {

constexpr size_t kRobustListSize = 24;         // sizeof(struct robust_list_head), the only one there is
constexpr unsigned kDisarmsItself = 1u << 31;  // SS_AUTODISARM
constexpr int kDisabled = 2;                   // SS_DISABLE

void read_robust_list(const TaskView& task, image::ThreadPointers& state) {
  uint64_t head = 0, length = 0;
  kernel::checked("get_robust_list", SYS_get_robust_list, task.thread().value, kernel::arg(&head),
                  kernel::arg(&length));
  state.set_robust_list(head);
}

void read_rseq(const TaskView& task, image::ThreadPointers& state) {
  auto rseq = task.task().rseq();
  if (!rseq) throw Error(fmt::format("task {} died while it was held", task.thread().value));
  state.set_rseq(rseq->pointer);
  state.set_rseq_size(rseq->size);
  state.set_rseq_signature(rseq->signature);
}

void store_stack(const stack_t& stack, image::ThreadPointers& state) {
  unsigned flags = static_cast<unsigned>(stack.ss_flags);
  bool enabled = (flags & kDisabled) == 0;
  state.set_signal_stack(enabled ? reinterpret_cast<uint64_t>(stack.ss_sp) : 0);
  state.set_signal_stack_size(enabled ? stack.ss_size : 0);
  state.set_signal_stack_disarms_itself((flags & kDisarmsItself) != 0);
}

stack_t load_stack(const image::ThreadPointers& state) {
  stack_t stack{};
  stack.ss_sp = reinterpret_cast<void*>(state.signal_stack());
  stack.ss_size = state.signal_stack_size();
  unsigned flags = state.signal_stack_disarms_itself() ? kDisarmsItself : 0;
  stack.ss_flags = static_cast<int>(flags | (state.signal_stack_size() == 0 ? kDisabled : 0));
  return stack;
}

class ThreadPointersKind final : public AttributeKind<image::ThreadPointers, Level::kTask> {
 public:
  Reading<image::ThreadPointers> describe(DescribeContext& context, const TaskView& task,
                                          tracee::Batch& batch) const override {
    image::ThreadPointers state;
    read_robust_list(task, state);
    read_rseq(task, state);
    room(batch, 2, sizeof(uint64_t) + sizeof(stack_t));
    auto tid_address = batch.out<uint64_t>();
    auto stack = batch.out<stack_t>();
    auto known = batch.try_call(SYS_prctl, PR_GET_TID_ADDRESS, tid_address, 0, 0, 0);
    batch.call(SYS_sigaltstack, 0, stack);
    return [&context, state, known, tid_address, stack]() mutable {
      if (known.failed())
        context.obstacle("the kernel doesn't tell which word is cleared when this thread ends",
                         "use a kernel with CONFIG_CHECKPOINT_RESTORE", "kernel differences");
      state.set_tid_address(tid_address.value());
      store_stack(stack.value(), state);
      return std::optional(state);
    };
  }

  void apply(RestoreContext&, const image::ThreadPointers& state, RestoredTask& task) const override {
    tracee::Batch& batch = task.room(4, sizeof(stack_t));
    batch.call(SYS_set_tid_address, state.tid_address());
    batch.call(SYS_set_robust_list, state.robust_list(), kRobustListSize);
    batch.call(SYS_sigaltstack, batch.put(load_stack(state)), 0);
    if (state.rseq() != 0) batch.call(SYS_rseq, state.rseq(), state.rseq_size(), 0, state.rseq_signature());
  }
};

}  // namespace

const Kind& thread_pointers_kind() {
  static const ThreadPointersKind kKind;
  return kKind;
}

}  // namespace cairn::resources
