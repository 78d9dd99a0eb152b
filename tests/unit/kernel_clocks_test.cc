// Offsets of time namespaces, as text and as the kernel has them.
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "kernel/clocks.h"

namespace cairn::kernel {
namespace {

TEST(Clocks, OffsetsAreParsed) {
  ClockOffsets offsets = parse_clock_offsets("monotonic           7         5\nboottime           -3 999999999\n");
  EXPECT_EQ(offsets.monotonic, 7'000'000'005);
  EXPECT_EQ(offsets.boottime, -2'000'000'001);
}

TEST(Clocks, OffsetsBelowZeroAreWrittenAsTheKernelTakesThem) {
  EXPECT_EQ(format_clock_offsets({-1, -1'000'000'000}), "monotonic -1 999999999\nboottime -1 0\n");
}

TEST(Clocks, WhatIsWrittenIsRead) {
  for (int64_t offset :
       {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{999'999'999}, int64_t{-4'600'000'000'000'000'001}}) {
    ClockOffsets offsets{offset, -offset};
    EXPECT_EQ(parse_clock_offsets(format_clock_offsets(offsets)), offsets);
  }
}

TEST(Clocks, WhatIsNoOffsetIsAnError) {
  for (const char* text : {"", "monotonic 1 2\n", "monotonic 1\nboottime 1 2\n", "monotonic 1 2 3\nboottime 1 2\n",
                           "monotonic 9223372036854775807 0\nboottime 0 0\n"}) {
    EXPECT_THROW(parse_clock_offsets(text), Error) << text;
  }
}

TEST(Clocks, OwnOffsetsAreThoseOfOurProcess) { EXPECT_EQ(own_clock_offsets(), clock_offsets_of(HostPid{::getpid()})); }

TEST(Clocks, AlarmClocksTellTheTimeOfTheirBase) {
  int64_t before = clock_now(CLOCK_BOOTTIME), alarm = clock_now(CLOCK_BOOTTIME_ALARM);
  EXPECT_LE(before, alarm);
  EXPECT_LE(alarm, clock_now(CLOCK_BOOTTIME));
}

}  // namespace
}  // namespace cairn::kernel
