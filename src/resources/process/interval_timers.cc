// setitimer(2): the three interval timers of a process. Only it can ask for them. What was left at the moment of the
// checkpoint goes on: of time for the first, of its own processor time for the others.
//
// A periodic real timer whose SIGALRM is still pending stands still until it is taken; then the kernel goes on in the
// old rhythm. It shows as 0 with an interval, which can't be set: it is armed with a whole interval instead.
#include <sys/syscall.h>
#include <sys/time.h>

#include "resources/kind.h"
#include "resources/process/interval_timers.pb.h"

namespace cairn::resources {
namespace {

constexpr uint64_t kMicroseconds = 1'000'000;
constexpr int kAttempts = 10;
constexpr int64_t kLate = 2'000'000;  // ns

uint64_t microseconds(const timeval& time) {
  return static_cast<uint64_t>(time.tv_sec) * kMicroseconds + static_cast<uint64_t>(time.tv_usec);
}

uint64_t microseconds(int64_t nanoseconds) { return static_cast<uint64_t>(nanoseconds) / 1000; }

timeval time_of(uint64_t microseconds) {
  return {static_cast<time_t>(microseconds / kMicroseconds), static_cast<suseconds_t>(microseconds % kMicroseconds)};
}

void store(const itimerval& timer, image::IntervalTimer& state) {
  state.set_interval(microseconds(timer.it_interval));
  state.set_rest(microseconds(timer.it_value));
}

class IntervalTimersKind final : public AttributeKind<image::IntervalTimers, Level::kProcess> {
 public:
  Reading<image::IntervalTimers> describe(DescribeContext& context, const TaskView&,
                                          tracee::Batch& batch) const override {
    auto now = batch.out<timespec>();
    batch.call(SYS_clock_gettime, CLOCK_MONOTONIC, now);
    auto real = read(batch, ITIMER_REAL), virtual_time = read(batch, ITIMER_VIRTUAL),
         profiling = read(batch, ITIMER_PROF);
    return [=, &context] {
      image::IntervalTimers state;
      store(real.value(), *state.mutable_real());
      uint64_t age = microseconds(context.moment().age_in_tree(now.value()));
      if (state.real().rest() != 0) state.mutable_real()->set_rest(state.real().rest() + age);
      store(virtual_time.value(), *state.mutable_virtual_());
      store(profiling.value(), *state.mutable_profiling());
      return std::optional(state);
    };
  }

  void apply(RestoreContext& context, const image::IntervalTimers& state, RestoredTask& task) const override {
    set(task, ITIMER_VIRTUAL, state.virtual_());
    set(task, ITIMER_PROF, state.profiling());
    set_real(context.moment(), state.real(), task);
  }

 private:
  static tracee::Out<itimerval> read(tracee::Batch& batch, int which) {
    auto out = batch.out<itimerval>();
    batch.call(SYS_getitimer, which, out);
    return out;
  }

  // The rest counts from the moment in which the task comes to the call: on a busy host that may be long after it was
  // asked to. Then it is set again.
  static void set_real(const Moment& moment, const image::IntervalTimer& timer, RestoredTask& task) {
    if (timer.rest() == 0) return set(task, ITIMER_REAL, timer);
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      task.room(2, sizeof(timespec) + sizeof(itimerval));
      int64_t age = moment.age();
      image::IntervalTimer real = timer;
      bool rings_now = timer.rest() <= microseconds(age);
      real.set_rest(rings_now ? 1 : timer.rest() - microseconds(age));
      auto now = task.batch().out<timespec>();
      task.batch().call(SYS_clock_gettime, CLOCK_MONOTONIC, now);
      set(task, ITIMER_REAL, real);
      task.batch().flush();
      if (rings_now || moment.age_in_tree(now.value()) - age < kLate) return;
    }
  }

  static void set(RestoredTask& task, int which, const image::IntervalTimer& timer) {
    uint64_t rest = timer.rest() == 0 ? timer.interval() : timer.rest();
    if (rest == 0) return;
    itimerval wanted{time_of(timer.interval()), time_of(rest)};
    tracee::Batch& batch = task.room(1, sizeof(wanted));
    batch.call(SYS_setitimer, which, batch.put(wanted), 0);
  }
};

}  // namespace

const Kind& interval_timers_kind() {
  static const IntervalTimersKind kKind;
  return kKind;
}

}  // namespace cairn::resources
