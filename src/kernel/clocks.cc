#include "kernel/clocks.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include "kernel/calls.h"
#include "kernel/procfs.h"

namespace cairn::kernel {
namespace {

int64_t total_of(const std::vector<int64_t>& numbers) {
  int64_t total = 0;
  if (numbers.size() != 2 || __builtin_mul_overflow(numbers[0], kNanosecondsPerSecond, &total) ||
      __builtin_add_overflow(total, numbers[1], &total)) {
    throw Error("timens_offsets: no offset of a clock");
  }
  return total;
}

std::string format_line(const char* clock, int64_t offset) {
  int64_t seconds = offset / kNanosecondsPerSecond, nanoseconds = offset % kNanosecondsPerSecond;
  if (nanoseconds < 0) {  // the kernel takes none below zero
    seconds -= 1;
    nanoseconds += kNanosecondsPerSecond;
  }
  return fmt::format("{} {} {}\n", clock, seconds, nanoseconds);
}

std::optional<ClockOffsets> read_offsets(const std::string& process) {
  auto file = try_open_at(AT_FDCWD, "/proc/" + process + "/timens_offsets", O_RDONLY);
  if (!file) return {};
  std::string text = read_all(file->get());
  if (text.empty()) return {};  // its first thread has exited, and has no namespaces any more
  return parse_clock_offsets(text);
}

}  // namespace

clockid_t base_clock(clockid_t clock) {
  if (clock == CLOCK_REALTIME_ALARM) return CLOCK_REALTIME;
  return clock == CLOCK_BOOTTIME_ALARM ? CLOCK_BOOTTIME : clock;
}

int64_t clock_now(clockid_t clock) {
  timespec now{};
  checked("clock_gettime", SYS_clock_gettime, base_clock(clock), arg(&now));
  return now.tv_sec * kNanosecondsPerSecond + now.tv_nsec;
}

ClockOffsets parse_clock_offsets(std::string_view text) {
  KeyValues offsets = KeyValues::parse(text);
  return {total_of(offsets.numbers("monotonic")), total_of(offsets.numbers("boottime"))};
}

std::string format_clock_offsets(const ClockOffsets& offsets) {
  return format_line("monotonic", offsets.monotonic) + format_line("boottime", offsets.boottime);
}

std::optional<ClockOffsets> clock_offsets_of(HostPid process) { return read_offsets(std::to_string(process.value)); }
ClockOffsets own_clock_offsets() { return read_offsets("self").value_or(ClockOffsets{}); }

}  // namespace cairn::kernel
