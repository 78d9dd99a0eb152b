// timerfd_create(2): a timer behind a descriptor. fdinfo shows clock, flags, interval, the time that is left and the
// expirations that nobody has read.
//
// A timer keeps the time that was left at the checkpoint, also an absolute one, since the clocks that only run forward
// go on from where they were. An absolute timer on the time of day keeps its moment, and one that has passed meanwhile
// expires at once. It is armed last. Lost: that the clock was set between the last read and the checkpoint
// (TFD_TIMER_CANCEL_ON_SET, ECANCELED), which shows nowhere.
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

#include "resources/files/timerfd.pb.h"
#include "resources/kind.h"

namespace cairn::resources {
namespace {

constexpr unsigned long kSetTicks = _IOW('T', 0, uint64_t);  // TFD_IOC_SET_TICKS of linux/timerfd.h, 3.17

bool is_zero(const timespec& time) { return time.tv_sec == 0 && time.tv_nsec == 0; }

timespec time_of(const std::vector<int64_t>& numbers) { return {numbers.at(0), numbers.at(1)}; }
timespec time_of(const image::TimerfdTime& time) { return {time.seconds(), time.nanoseconds()}; }

void set(image::TimerfdTime* to, const timespec& time) {
  to->set_seconds(time.tv_sec);
  to->set_nanoseconds(time.tv_nsec);
}

timespec sum(const timespec& a, const timespec& b) {
  timespec total{a.tv_sec + b.tv_sec, a.tv_nsec + b.tv_nsec};
  if (total.tv_nsec >= 1'000'000'000) {
    total.tv_sec += 1;
    total.tv_nsec -= 1'000'000'000;
  }
  return total;
}

// Alarm clocks tell the time of their base; they can be asked only where there is a hardware clock.
clockid_t base_of(int clock) {
  if (clock == CLOCK_REALTIME_ALARM) return CLOCK_REALTIME;
  return clock == CLOCK_BOOTTIME_ALARM ? CLOCK_BOOTTIME : clock;
}

timespec now(int clock) {
  timespec time{};
  kernel::checked("clock_gettime", SYS_clock_gettime, base_of(clock), kernel::arg(&time));
  return time;
}

bool keeps_moment(const image::Timerfd& state) {
  return (state.flags() & TFD_TIMER_ABSTIME) != 0 && base_of(state.clock()) == CLOCK_REALTIME;
}

timespec next_expiry(const image::Timerfd& state) {
  if (state.has_expiry()) return time_of(state.expiry());
  if (!state.has_remaining()) return {};
  timespec remaining = time_of(state.remaining());
  return (state.flags() & TFD_TIMER_ABSTIME) != 0 ? sum(now(state.clock()), remaining) : remaining;
}

class TimerfdKind final : public DescriptionKind<image::Timerfd> {
 public:
  bool recognises(const DescriptionView& view) const override { return view.link() == "anon_inode:[timerfd]"; }

  image::Timerfd describe(DescribeContext&, const DescriptionView& view) const override {
    // An interval timer stands still from its first unread expiration to the next look at it; then the kernel adds all
    // that have passed meanwhile. fdinfo is no such look, timerfd_gettime is.
    itimerspec left{};
    kernel::checked("timerfd_gettime", SYS_timerfd_gettime, view.fd(), kernel::arg(&left));
    const kernel::KeyValues& shown = view.fdinfo();
    image::Timerfd state;
    state.set_clock(static_cast<int>(shown.number("clockid")));
    state.set_flags(static_cast<uint32_t>(shown.octal("settime flags")));
    state.set_ticks(shown.number("ticks"));
    set(state.mutable_interval(), left.it_interval);
    if (is_zero(left.it_value)) return state;
    timespec remaining = time_of(shown.numbers("it_value"));
    // It may have expired between the two looks: once more than it could be counted, or for the only time.
    if (is_zero(remaining)) remaining = left.it_interval;
    if (is_zero(remaining)) return state;
    if (keeps_moment(state)) {
      set(state.mutable_expiry(), sum(now(state.clock()), remaining));
    } else {
      set(state.mutable_remaining(), remaining);
    }
    return state;
  }

  OwnedFd create(RestoreContext&, const image::Timerfd& state) const override {
    return OwnedFd(static_cast<int>(kernel::checked("timerfd_create", SYS_timerfd_create, state.clock(), TFD_CLOEXEC)));
  }

  void seal(RestoreContext&, const image::Timerfd& state, int fd) const override {
    itimerspec setting{time_of(state.interval()), next_expiry(state)};
    kernel::checked("timerfd_settime", SYS_timerfd_settime, fd, state.flags(), kernel::arg(&setting), 0);
    uint64_t ticks = state.ticks();
    if (ticks != 0) kernel::checked("TFD_IOC_SET_TICKS", SYS_ioctl, fd, kSetTicks, kernel::arg(&ticks));
  }
};

}  // namespace

const Kind& timerfd_kind() {
  static const TimerfdKind kKind;
  return kKind;
}

}  // namespace cairn::resources
