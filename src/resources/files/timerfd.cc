// timerfd_create(2): a timer behind a descriptor. fdinfo shows clock, flags, interval, the time that is left and the
// expirations that nobody has read.
//
// A timer keeps the time that was left at the moment of the checkpoint, also an absolute one, since the clocks that
// only run forward go on from where they were. An absolute timer on the time of day keeps its moment, and one that has
// passed meanwhile expires at once. It is armed last. Lost: that the clock was set between the last read and the
// checkpoint (TFD_TIMER_CANCEL_ON_SET, ECANCELED), which shows nowhere.
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

#include "resources/files/timerfd.pb.h"
#include "resources/kind.h"

namespace cairn::resources {
namespace {

constexpr unsigned long kSetTicks = _IOW('T', 0, uint64_t);  // TFD_IOC_SET_TICKS of linux/timerfd.h, 3.17

// Nanoseconds.
int64_t total(int64_t seconds, int64_t nanoseconds) {
  int64_t product = 0;
  if (__builtin_mul_overflow(seconds, kernel::kNanosecondsPerSecond, &product)) return INT64_MAX;
  return kernel::later(product, nanoseconds);
}
int64_t total(const timespec& time) { return total(time.tv_sec, time.tv_nsec); }
int64_t total(const image::TimerfdTime& time) { return total(time.seconds(), time.nanoseconds()); }

timespec time_of(int64_t nanoseconds) {
  return {nanoseconds / kernel::kNanosecondsPerSecond, nanoseconds % kernel::kNanosecondsPerSecond};
}

void set(image::TimerfdTime* to, int64_t nanoseconds) {
  timespec time = time_of(nanoseconds);
  to->set_seconds(time.tv_sec);
  to->set_nanoseconds(time.tv_nsec);
}

bool is_absolute(const image::Timerfd& state) { return (state.flags() & TFD_TIMER_ABSTIME) != 0; }

bool keeps_moment(const image::Timerfd& state) {
  return is_absolute(state) && kernel::base_clock(state.clock()) == CLOCK_REALTIME;
}

// What timerfd_settime(2) is given, and expirations that come with it.
struct Setting {
  int64_t value = 0;
  uint64_t ticks = 0;
};

Setting setting_of(const Moment& moment, const image::Timerfd& state) {
  uint64_t ticks = state.ticks();
  if (state.has_expiry()) return {total(state.expiry()), ticks};
  if (!state.has_remaining()) return {0, ticks};
  int64_t remaining = total(state.remaining()), interval = total(state.interval());
  // The kernel counts the expirations that an absolute time has missed.
  if (is_absolute(state)) return {kernel::later(moment.here.of(state.clock()), remaining), ticks};
  int64_t late = moment.age() - remaining;
  if (late < 0) return {-late, ticks};
  if (interval == 0) return {1, ticks};
  int64_t missed = late / interval + 1;
  return {missed * interval - late, ticks + static_cast<uint64_t>(missed)};
}

struct Look {
  uint64_t ticks = 0;
  int64_t interval = 0, remaining = 0;
};

// An interval timer stands still from its first unread expiration to the next look at it; then the kernel adds all that
// have passed meanwhile. fdinfo is no such look, timerfd_gettime is.
Look look_once(int fd) {
  itimerspec left{};
  kernel::checked("timerfd_gettime", SYS_timerfd_gettime, fd, kernel::arg(&left));
  kernel::KeyValues shown = kernel::fdinfo_of(fd);
  std::vector<int64_t> value = shown.numbers("it_value");
  Look look{shown.number("ticks"), total(left.it_interval), total(value.at(0), value.at(1))};
  // It expired between the two: once more than could be counted, or for the only time.
  if (total(left.it_value) != 0 && look.remaining == 0) look.remaining = look.interval;
  return look;
}

// One with a very short interval has expired again before it is looked at, which looks as if it were disarmed; but then
// it goes on counting.
Look look_at(int fd) {
  Look look = look_once(fd);
  if (look.remaining != 0 || look.interval == 0) return look;
  Look later = look_once(fd);
  if (later.remaining == 0 && later.ticks > look.ticks) later.remaining = later.interval;
  return later;
}

class TimerfdKind final : public DescriptionKind<image::Timerfd> {
 public:
  bool recognises(const DescriptionView& view) const override { return view.link() == "anon_inode:[timerfd]"; }

  image::Timerfd describe(DescribeContext& context, const DescriptionView& view) const override {
    image::Timerfd state;
    state.set_clock(static_cast<int>(view.fdinfo().number("clockid")));
    state.set_flags(static_cast<uint32_t>(view.fdinfo().octal("settime flags")));
    Look look = look_at(view.fd());
    state.set_ticks(look.ticks);
    set(state.mutable_interval(), look.interval);
    if (look.remaining == 0) return state;
    int64_t remaining = look.remaining;
    if (keeps_moment(state)) {
      set(state.mutable_expiry(), kernel::later(kernel::clock_now(state.clock()), remaining));
    } else {
      set(state.mutable_remaining(), kernel::later(remaining, context.moment().age()));
    }
    return state;
  }

  OwnedFd create(RestoreContext&, const image::Timerfd& state) const override {
    return OwnedFd(static_cast<int>(kernel::checked("timerfd_create", SYS_timerfd_create, state.clock(), TFD_CLOEXEC)));
  }

  void seal(RestoreContext& context, const image::Timerfd& state, int fd) const override {
    auto [value, ticks] = setting_of(context.moment(), state);
    itimerspec setting{time_of(total(state.interval())), time_of(value)};
    kernel::checked("timerfd_settime", SYS_timerfd_settime, fd, state.flags(), kernel::arg(&setting), 0);
    if (ticks != 0) kernel::checked("TFD_IOC_SET_TICKS", SYS_ioctl, fd, kSetTicks, kernel::arg(&ticks));
  }
};

}  // namespace

const Kind& timerfd_kind() {
  static const TimerfdKind kKind;
  return kKind;
}

}  // namespace cairn::resources
