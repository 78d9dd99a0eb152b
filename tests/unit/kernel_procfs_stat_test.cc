// stat and the key-value files.
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/error.h"
#include "kernel/calls.h"
#include "kernel/procfs.h"

namespace cairn::kernel {
namespace {

TEST(Stat, FieldsByTheirNumberInTheManualPage) {
  Stat stat = parse_stat("1234 (name) T 1 -2 3 0 -1 4194304 18446744073709551615 2\n");
  EXPECT_EQ(stat.pid, 1234);
  EXPECT_EQ(stat.comm, "name");
  EXPECT_EQ(stat.state, 'T');
  EXPECT_EQ(stat.parent(), 1);
  EXPECT_EQ(stat.group(), -2);
  EXPECT_EQ(stat.session(), 3);
  EXPECT_EQ(stat.field(8), -1);
  EXPECT_EQ(static_cast<uint64_t>(stat.field(10)), UINT64_MAX);
  EXPECT_EQ(stat.field(11), 2);
  EXPECT_EQ(stat.field(52), 0);  // not printed
  EXPECT_EQ(stat.field(3), 0);
  EXPECT_EQ(stat.field(-1), 0);
}

TEST(Stat, NamesOfAllSorts) {
  auto comm = [](std::string_view text) { return parse_stat(text).comm; };
  EXPECT_EQ(comm("1 () R 1"), "");
  EXPECT_EQ(comm("1 (a) S 2 (b) R 1"), "a) S 2 (b");
  EXPECT_EQ(comm("1 (() R 1"), "(");
  EXPECT_EQ(comm("1 ()) R 1"), ")");
  EXPECT_EQ(comm("1 (a\nb) R 1"), "a\nb");
  EXPECT_EQ(comm(R"(1 (a\nb\\nc\) R 1)"), "a\nb\\nc\\");
  EXPECT_EQ(comm("1 (kworker/0:1H-events_highpri) I 2"), "kworker/0:1H-events_highpri");
}

TEST(Stat, MalformedTextIsAnError) {
  for (const char* text :
       {"", "\n", "1", "1 ", "1 (x", "1 (x)", "1 (x) ", "x (y) R 1", "1 (x) R x", "1 (x) R 1  2",
        "1 (x) R 18446744073709551616", "1 (x) R -9223372036854775809", "99999999999 (x) R 1", "1 (x) R 1\n2"})
    EXPECT_THROW(parse_stat(text), Error) << text;
}

TEST(KeyValues, KeysValuesAndBases) {
  auto values =
      KeyValues::parse("pos:\t42\nflags:\t0100002\nmask: 0x1F\nhex:\tff\nName:\ta: b \nVmRSS:\t    3060 kB\nEmpty:\n");
  EXPECT_EQ(values.number("pos"), 42u);
  EXPECT_EQ(values.octal("flags"), 0100002u);
  EXPECT_EQ(values.hex("mask"), 0x1fu);
  EXPECT_EQ(values.hex("hex"), 0xffu);
  EXPECT_EQ(values.text("Name"), "a: b");
  EXPECT_EQ(values.number("VmRSS"), 3060u);
  EXPECT_EQ(values.text("Empty"), "");
  EXPECT_TRUE(values.has("Empty"));
  EXPECT_FALSE(values.has("Empt"));
  EXPECT_EQ(values.entries().size(), 7u);
}

TEST(KeyValues, RepeatedKeysStayInOrderAndTheFirstIsFound) {
  auto values = KeyValues::parse("pos:\t0\ninotify wd:1 ino:5\ninotify wd:2 ino:6\n\nno colon here\n");
  EXPECT_EQ(values.lines(),
            (std::vector<std::string>{"pos:\t0", "inotify wd:1 ino:5", "inotify wd:2 ino:6", "no colon here"}));
  EXPECT_EQ(values.text("inotify wd"), "1 ino:5");
  EXPECT_EQ(values.text("no"), "colon here");
}

TEST(KeyValues, NumberListsTakeAllSeparatorsOfTheKernel) {
  auto values = KeyValues::parse(
      "NSpid:\t12\t-1\t3\nit_value: (7, 49406829)\nmonotonic           -5         123\nGroups:\t \nBad: 1 x\n");
  EXPECT_EQ(values.numbers("NSpid"), (std::vector<int64_t>{12, -1, 3}));
  EXPECT_EQ(values.numbers("it_value"), (std::vector<int64_t>{7, 49406829}));
  EXPECT_EQ(values.numbers("monotonic"), (std::vector<int64_t>{-5, 123}));
  EXPECT_TRUE(values.numbers("Groups").empty());
  EXPECT_THROW(values.numbers("Bad"), Error);
}

TEST(KeyValues, WhatIsNoNumberIsAnErrorThatNamesTheKey) {
  auto values = KeyValues::parse("a:\nb: x\nc: 1/2\nd: 18446744073709551616\ne: -1\nf: 0x\ng: 8\n");
  for (const char* key : {"a", "b", "c", "d", "e", "missing"}) {
    try {
      values.number(key);
      ADD_FAILURE() << key;
    } catch (const Error& error) {
      EXPECT_NE(error.text().find(key), std::string::npos) << error.text();
    }
  }
  EXPECT_THROW(values.hex("f"), Error);
  EXPECT_THROW(values.octal("g"), Error);
  EXPECT_THROW(values.text("missing"), Error);
}

KeyValues fdinfo(int fd) {
  return KeyValues::parse(ProcDir::open(HostPid{::getpid()})->read(fmt::format("fdinfo/{}", fd)));
}

TEST(KeyValues, FdinfoOfAnEventfdWithALargeCounter) {
  OwnedFd fd(::eventfd(0, EFD_SEMAPHORE));
  uint64_t count = 0xfedcba9876543210;
  write_all(fd.get(), &count, sizeof(count));
  EXPECT_EQ(fdinfo(fd.get()).hex("eventfd-count"), count);
  EXPECT_EQ(fdinfo(fd.get()).number("eventfd-semaphore"), 1u);
  EXPECT_EQ(fdinfo(fd.get()).octal("flags"), static_cast<uint64_t>(O_RDWR));
}

TEST(KeyValues, FdinfoOfATimerfd) {
  OwnedFd fd(::timerfd_create(CLOCK_MONOTONIC, 0));
  itimerspec value{.it_interval = {3, 500}, .it_value = {100'000, 0}};
  ASSERT_EQ(::timerfd_settime(fd.get(), 0, &value, nullptr), 0);
  EXPECT_EQ(fdinfo(fd.get()).number("clockid"), static_cast<uint64_t>(CLOCK_MONOTONIC));
  EXPECT_EQ(fdinfo(fd.get()).numbers("it_interval"), (std::vector<int64_t>{3, 500}));
}

TEST(EpollItems, ThoseOfARealEpoll) {
  OwnedFd epoll(::epoll_create1(0)), event(::eventfd(0, 0)), other(::eventfd(0, 0));
  epoll_event interest{.events = EPOLLIN | EPOLLET | EPOLLONESHOT, .data = {.u64 = 0xfedcba9876543210}};
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, event.get(), &interest), 0);
  interest = {.events = EPOLLOUT, .data = {.u64 = 0}};
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, other.get(), &interest), 0);
  auto items = parse_epoll_items(fdinfo(epoll.get()));
  ASSERT_EQ(items.size(), 2u);
  const EpollItem& item = items[0].fd == event.get() ? items[0] : items[1];
  EXPECT_EQ(item.fd, event.get());
  // The kernel adds what can't be left out.
  EXPECT_EQ(item.events, EPOLLIN | EPOLLET | EPOLLONESHOT | EPOLLERR | EPOLLHUP);
  EXPECT_EQ(item.data, 0xfedcba9876543210u);
  EXPECT_EQ(item.inode, fstat(event.get()).st_ino);
}

TEST(EpollItems, TruncatedLinesAreErrors) {
  const std::string good = "tfd:        5 events:       19 data: ffffffffffffffff  pos:-1 ino:3d sdev:8";
  auto items = parse_epoll_items(KeyValues::parse("pos:\t0\n" + good + "\nother: 1\n" + good + "\n"));
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].position, UINT64_MAX);
  EXPECT_EQ(items[0].device, 8u);
  for (size_t length = 4; length < good.size(); ++length)
    EXPECT_THROW(parse_epoll_items(KeyValues::parse(good.substr(0, length))), Error) << length;
}

TEST(NulList, KeepsEmptyStringsAndAnUnterminatedTail) {
  using Strings = std::vector<std::string>;
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(parse_nul_list(""), Strings{});
  EXPECT_EQ(parse_nul_list("\0"sv), Strings{""});
  EXPECT_EQ(parse_nul_list("a\0\0b=\n\0"sv), (Strings{"a", "", "b=\n"}));
  EXPECT_EQ(parse_nul_list("a\0b"sv), (Strings{"a", "b"}));
}

}  // namespace
}  // namespace cairn::kernel
