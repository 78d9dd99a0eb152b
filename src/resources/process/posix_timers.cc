// timer_create(2): the POSIX timers of a process. /proc/PID/timers (CONFIG_CHECKPOINT_RESTORE) has id, clock and
// notification; rest and interval are asked for by the process itself. They come back under their ids: since Linux 6.15
// by PR_TIMER_CREATE_RESTORE_IDS, before that by making and deleting timers until an id is reached. Whether a timer was
// set by an absolute time can't be seen. On the clocks that only run forward it makes no difference; on the time of day
// what is left is kept.
//
// Refused: an interval timer whose signal is pending (how many expirations it has missed is told only when the signal
// is taken), and timers on the processor time of another process or thread.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include <algorithm>

#include "kernel/constants.h"
#include "resources/kind.h"
#include "resources/process/posix_timers.pb.h"

namespace cairn::resources {
namespace {

constexpr int64_t kSecond = kernel::kNanosecondsPerSecond;

struct KernelTimerSpec {
  int64_t interval_s = 0, interval_ns = 0, value_s = 0, value_ns = 0;
};

struct KernelEvent {  // struct sigevent
  uint64_t value = 0;
  int32_t signal = 0, notify = 0, thread = 0;
  int32_t padding[11] = {};
};
static_assert(sizeof(KernelEvent) == 64);

image::PosixTimer::Notify notify_of(const std::string& text) {
  if (text.starts_with("none")) return image::PosixTimer::NONE;
  return text.starts_with("thread") ? image::PosixTimer::THREAD : image::PosixTimer::SIGNAL;
}

int number_of(image::PosixTimer::Notify notify) {
  if (notify == image::PosixTimer::NONE) return SIGEV_NONE;
  return notify == image::PosixTimer::THREAD ? SIGEV_THREAD : SIGEV_SIGNAL;
}

// "signal/tid.5", as opposed to "signal/pid.4".
pid_t thread_of(const std::string& notify) {
  size_t at = notify.find("/tid.");
  return at == std::string::npos ? 0 : std::stoi(notify.substr(at + 5));
}

// Negative clocks count processor time: of the process or thread ~(clock >> 3), 0 for that of the maker.
bool counts_processor_time(int clock) { return clock < 0; }
bool counts_one_thread(int clock) { return (clock & 4) != 0; }

bool can_choose_ids() {
  static const bool kCan =
      kernel::call("prctl", SYS_prctl, kernel::kPrTimerCreateRestoreIds, kernel::kTimerRestoreIdsGet) >= 0;
  return kCan;
}

class PosixTimersKind final : public AttributeKind<image::PosixTimers, Level::kProcess> {
 public:
  Reading<image::PosixTimers> describe(DescribeContext& context, const TaskView& task,
                                       tracee::Batch& batch) const override {
    std::vector<kernel::PosixTimer> timers = timers_of(context, task);
    image::PosixTimers state;
    std::vector<tracee::Out<KernelTimerSpec>> rests;
    auto now = batch.out<timespec>();
    batch.call(SYS_clock_gettime, CLOCK_MONOTONIC, now);
    for (const kernel::PosixTimer& timer : timers) {
      Place place(context, fmt::format("timer {}", timer.id));
      refuse(context, task, timer);
      store(context, timer, *state.add_timers());
      room(batch, 1, sizeof(KernelTimerSpec));
      rests.push_back(batch.out<KernelTimerSpec>());
      batch.call(SYS_timer_gettime, timer.id, rests.back());
    }
    return
        [&context, state, rests, now, pending = expired_timers(task)]() mutable -> std::optional<image::PosixTimers> {
          int64_t age = context.moment().age_in_tree(now.value());
          for (size_t i = 0; i < rests.size(); ++i)
            store_times(context, rests[i].value(), age, pending, *state.mutable_timers(static_cast<int>(i)));
          return state.timers().empty() ? std::nullopt : std::optional(state);
        };
  }

  void apply(RestoreContext& context, const image::PosixTimers& state, RestoredTask& task) const override {
    if (can_choose_ids()) choose_ids(task, kernel::kTimerRestoreIdsOn);
    int next = 0;
    for (const image::PosixTimer& timer : state.timers()) {
      for (; !can_choose_ids() && next < timer.id(); ++next) pass_over(task, next);
      create(context, timer, task);
      next = timer.id() + 1;
    }
    if (can_choose_ids()) choose_ids(task, kernel::kTimerRestoreIdsOff);
    for (const image::PosixTimer& timer : state.timers()) arm(context.moment(), timer, task);
  }

 private:
  static std::vector<kernel::PosixTimer> timers_of(DescribeContext& context, const TaskView& task) {
    auto text = task.process().proc.try_read("timers");
    if (!text) {
      context.obstacle("the kernel doesn't tell which POSIX timers it has",
                       "use a kernel with CONFIG_CHECKPOINT_RESTORE", "kernel differences");
      return {};
    }
    std::vector<kernel::PosixTimer> timers = kernel::parse_posix_timers(*text);
    std::ranges::sort(timers, {}, &kernel::PosixTimer::id);
    return timers;
  }

  static void refuse(DescribeContext& context, const TaskView& task, const kernel::PosixTimer& timer) {
    if (!counts_processor_time(timer.clock)) return;
    bool of_maker = (timer.clock >> 3) == -1;
    bool ambiguous = counts_one_thread(timer.clock) && task.process().tasks.size() > 1;
    if (of_maker && !ambiguous) return;
    context.obstacle(ambiguous ? "it counts the processor time of one thread, and the kernel doesn't tell of which"
                               : "it counts the processor time of another process or thread",
                     "delete it before the checkpoint", "clocks and timers");
  }

  static void store(DescribeContext& context, const kernel::PosixTimer& timer, image::PosixTimer& state) {
    state.set_id(timer.id);
    state.set_clock(timer.clock);
    state.set_notify(notify_of(timer.notify));
    state.set_signal(timer.signal);
    state.set_value(timer.value);
    pid_t tid = thread_of(timer.notify);
    if (tid == 0) return;
    RecordId thread = context.task({tid});
    state.mutable_thread()->set_id(thread.value);
    if (!thread) context.obstacle("its thread has ended", "delete the timer first", "clocks and timers");
  }

  // Ids of timers whose signals are in a queue.
  static std::vector<int> expired_timers(const TaskView& task) {
    std::vector<int> ids;
    auto collect = [&](const tracee::Task& one, bool shared) {
      for (const siginfo_t& info : one.pending_signals(shared))
        if (info.si_code == SI_TIMER) ids.push_back(info.si_timerid);
    };
    collect(task.task(), true);
    for (const tracee::Task& one : task.process().tasks) collect(one, false);
    return ids;
  }

  // `age`: of the moment of the checkpoint, when the times were read.
  static void store_times(DescribeContext& context, const KernelTimerSpec& times, int64_t age,
                          const std::vector<int>& pending, image::PosixTimer& state) {
    state.set_interval_ns(static_cast<uint64_t>(times.interval_s * kSecond + times.interval_ns));
    int64_t rest = times.value_s * kSecond + times.value_ns;
    if (rest != 0 && !counts_processor_time(state.clock())) rest += age;
    state.set_rest_ns(static_cast<uint64_t>(rest));
    if (state.interval_ns() == 0 || std::ranges::find(pending, state.id()) == pending.end()) return;
    Place place(context, fmt::format("timer {}", state.id()));
    context.passing_obstacle("its signal is pending, and the kernel doesn't tell how often it has expired since",
                             "again, or let the process take the signal", "clocks and timers");
  }

  static void choose_ids(RestoredTask& task, unsigned mode) {
    task.room(1).call(SYS_prctl, kernel::kPrTimerCreateRestoreIds, mode, 0, 0, 0);
  }

  // The ids of a new process count from 0.
  static void pass_over(RestoredTask& task, int id) {
    tracee::Batch& batch = task.room(2, sizeof(int));
    batch.call(SYS_timer_create, CLOCK_MONOTONIC, 0, batch.out<int>());
    batch.call(SYS_timer_delete, id);
  }

  static void create(RestoreContext& context, const image::PosixTimer& timer, RestoredTask& task) {
    KernelEvent event;
    event.value = timer.value();
    event.signal = timer.signal();
    event.notify = number_of(timer.notify());
    if (timer.thread().id() != 0) {
      event.notify |= SIGEV_THREAD_ID;
      event.thread = context.records().state<image::Task>({timer.thread().id()}).tid();
    }
    tracee::Batch& batch = task.room(2, sizeof(event) + sizeof(int));
    batch.call(SYS_timer_create, timer.clock(), batch.put(event), batch.put(timer.id()));
  }

  static void arm(const Moment& moment, const image::PosixTimer& timer, RestoredTask& task) {
    auto interval = static_cast<int64_t>(timer.interval_ns()), rest = static_cast<int64_t>(timer.rest_ns());
    if (interval == 0 && rest == 0) return;
    int flags = 0;
    if (rest != 0 && Moment::tells(timer.clock())) {
      rest = kernel::later(rest, moment.tree.of(timer.clock()));
      flags = TIMER_ABSTIME;
    } else if (rest != 0 && !counts_processor_time(timer.clock())) {
      rest = std::max<int64_t>(rest - moment.age(), 1);
    }
    KernelTimerSpec times{interval / kSecond, interval % kSecond, rest / kSecond, rest % kSecond};
    tracee::Batch& batch = task.room(1, sizeof(times));
    batch.call(SYS_timer_settime, timer.id(), flags, batch.put(times), 0);
  }
};

}  // namespace

const Kind& posix_timers_kind() {
  static const PosixTimersKind kKind;
  return kKind;
}

}  // namespace cairn::resources
