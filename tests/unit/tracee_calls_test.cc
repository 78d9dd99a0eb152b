// Programs held in the middle of a system call, with a batch run in them: the call goes on as if nothing had happened.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <cmath>
#include <ctime>

#include "tracee/batch.h"
#include "tracee_target.h"

namespace cairn::tracee {
namespace {

using namespace testing;

long now_in_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

constexpr long kSleep = 400, kTimerSlack = 5;  // ms

// The kernel has no restart for some calls: their timeout begins afresh, but they don't fail.
enum class Timeout { kGoesOn, kAfresh };

struct Sleeper {
  const char* name;
  long call;  // the system call it is to be found in
  Timeout timeout;
  long (*sleep)();  // its result, or -errno
  long result;
};

long result_of(long result) { return result < 0 ? -errno : result; }

const Sleeper kSleepers[] = {
    {"nanosleep", SYS_nanosleep, Timeout::kGoesOn,
     [] {
       timespec time = {0, 400'000'000};
       return result_of(syscall(SYS_nanosleep, &time, nullptr));
     },
     0},
    {"clock_nanosleep", SYS_clock_nanosleep, Timeout::kGoesOn,
     [] {
       timespec time = {0, 400'000'000};
       return result_of(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, nullptr));
     },
     0},
    {"poll", SYS_poll, Timeout::kGoesOn, [] { return result_of(syscall(SYS_poll, nullptr, 0, 400)); }, 0},
    {"futex", SYS_futex, Timeout::kGoesOn,
     [] {
       static int word = 7;
       timespec time = {0, 400'000'000};
       return result_of(syscall(SYS_futex, &word, 0, 7, &time, nullptr, 0));
     },
     -ETIMEDOUT},
    {"ppoll", SYS_ppoll, Timeout::kGoesOn,
     [] {
       timespec time = {0, 400'000'000};
       return result_of(syscall(SYS_ppoll, nullptr, 0, &time, nullptr, 8));
     },
     0},
    {"epoll_wait", SYS_epoll_wait, Timeout::kAfresh,
     [] { return result_of(syscall(SYS_epoll_wait, epoll_create1(0), new epoll_event, 1, 400)); }, 0},
    {"rt_sigtimedwait", SYS_rt_sigtimedwait, Timeout::kAfresh,
     [] {
       uint64_t set = 1 << (SIGUSR1 - 1);
       timespec time = {0, 400'000'000};
       return result_of(syscall(SYS_rt_sigtimedwait, &set, nullptr, &time, 8));
     },
     -EAGAIN},
    {"recv with a timeout", SYS_recvfrom, Timeout::kAfresh,
     [] {
       int pair[2];
       if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0) return -1L;
       timeval time = {0, 400'000};
       setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
       char byte;
       return result_of(recv(pair[0], &byte, 1, 0));
     },
     -EAGAIN},
    {"semtimedop", SYS_semtimedop, Timeout::kAfresh,
     [] {
       int id = semget(IPC_PRIVATE, 1, 0600);
       sembuf operation = {0, -1, 0};
       timespec time = {0, 400'000'000};
       long result = result_of(syscall(SYS_semtimedop, id, &operation, 1, &time));
       semctl(id, 0, IPC_RMID);
       return result;
     },
     -EAGAIN},
};

class SleeperTest : public ::testing::TestWithParam<Sleeper> {};

void hold_with_a_batch(Target& target, std::chrono::milliseconds pause = 0ms) {
  Hold hold = Hold::tree(target.pid(), soon());
  ASSERT_TRUE(hold.problems().empty());
  Task& task = hold.processes().at(0).tasks.at(0);
  InjectedSpace space(task, 1, hold.processes().at(0).proc.maps());
  Batch batch(space, 0, task);
  auto pid = batch.call(SYS_getpid);
  batch.flush();
  EXPECT_EQ(pid.value(), target.pid().value);
  std::this_thread::sleep_for(pause);
  space.close();
  hold.release();
}

// How long the call went on after the last of two holds, in ms. None when the call was over before it could be held:
// the host was busy.
std::optional<long> rest_after_holds(const Sleeper& sleeper) {
  Target target([&](Board& board) {
    board.words[0] = now_in_ms();
    board.ready = 1;
    board.result = sleeper.sleep();
    board.words[1] = now_in_ms();
    board.ready = 2;
    pause();
  });
  EXPECT_TRUE(target.ready());
  long released = 0;
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(round > 0 || eventually([&] { return target.board().ready == 2 || target.is_in(sleeper.call); }));
    std::this_thread::sleep_for(60ms);  // some of the time is spent asleep, some of it held
    hold_with_a_batch(target, 50ms);
    released = now_in_ms();
  }
  EXPECT_TRUE(target.ready(2));
  EXPECT_EQ(target.board().result, sleeper.result);
  EXPECT_GE(target.board().words[1] - target.board().words[0], kSleep - kTimerSlack);
  if (target.board().words[1] < released) return {};
  return target.board().words[1] - released;
}

// A call that began afresh can't be over before its whole time has passed once more; being sooner is proof, however
// late it may be on a busy host at other times.
TEST_P(SleeperTest, GoesOnForItsTime) {
  std::vector<long> rests;
  for (int attempt = 0; attempt < 50 && !HasFailure(); ++attempt) {
    auto rest = rest_after_holds(GetParam());
    if (!rest) continue;
    if (GetParam().timeout == Timeout::kAfresh || *rest < kSleep - 2 * kTimerSlack) return;
    rests.push_back(*rest);
  }
  FAIL() << "it went on for " << ::testing::PrintToString(rests) << " ms";
}

INSTANTIATE_TEST_SUITE_P(Calls, SleeperTest, ::testing::ValuesIn(kSleepers), [](const auto& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

TEST(InterruptedCall, ReadOfAPipeGetsWhatComesLater) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  Target target([&](Board& board) {
    char text[8] = {};
    board.ready = 1;
    board.result = result_of(read(ends[0], text, sizeof(text)));
    board.count = text[0];
  });
  ASSERT_TRUE(target.asleep_in(SYS_read));
  hold_with_a_batch(target);
  ASSERT_TRUE(target.asleep_in(SYS_read));
  ASSERT_EQ(write(ends[1], "abc", 3), 3);
  EXPECT_EQ(target.join(), 0);
  EXPECT_EQ(target.board().result, 3);
  EXPECT_EQ(target.board().count, 'a');
  close(ends[0]);
  close(ends[1]);
}

std::atomic<int> handled{0};

// Without SA_RESTART epoll_wait shows EINTR for a handler, and shall do so when the signal came during the hold.
TEST(InterruptedCall, TrueInterruptionIsStillSeen) {
  Target target([](Board& board) {
    struct sigaction action {};
    action.sa_handler = [](int) { handled = 1; };
    sigaction(SIGUSR1, &action, nullptr);
    int epoll = epoll_create1(0);
    epoll_event event;
    board.ready = 1;
    board.result = result_of(syscall(SYS_epoll_wait, epoll, &event, 1, -1));
    board.count = handled;
  });
  ASSERT_TRUE(target.asleep_in(SYS_epoll_wait));
  {
    Hold hold = Hold::tree(target.pid(), soon());
    ASSERT_EQ(kill(target.pid().value, SIGUSR1), 0);
    hold.release();
  }
  EXPECT_EQ(target.join(), 0);
  EXPECT_EQ(target.board().result, -EINTR);
  EXPECT_EQ(target.board().count, 1);
}

// sigsuspend swaps the mask; the one to return to is kept apart by the kernel.
TEST(InterruptedCall, SigsuspendKeepsBothMasks) {
  Target target([](Board& board) {
    struct sigaction action {};
    action.sa_handler = [](int) { handled = 1; };
    sigaction(SIGUSR1, &action, nullptr);
    sigset_t blocked, open;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigaddset(&blocked, SIGURG);
    sigprocmask(SIG_SETMASK, &blocked, nullptr);
    sigemptyset(&open);
    board.ready = 1;
    board.result = result_of(sigsuspend(&open));
    sigset_t after;
    sigprocmask(SIG_SETMASK, nullptr, &after);
    board.count = sigismember(&after, SIGUSR1) + 2 * sigismember(&after, SIGURG) + 4 * handled;
  });
  ASSERT_TRUE(target.asleep_in(SYS_rt_sigsuspend));
  hold_with_a_batch(target);
  ASSERT_TRUE(target.asleep_in(SYS_rt_sigsuspend));
  ASSERT_EQ(kill(target.pid().value, SIGUSR1), 0);
  EXPECT_EQ(target.join(), 0);
  EXPECT_EQ(target.board().result, -EINTR);
  EXPECT_EQ(target.board().count, 7);
}

// The second hold of a sleeping task finds restart_syscall. What the call was is found in the code (nanosleep), and by
// the wait channel (syscall(3) has no number in its code).
TEST(InterruptedCall, NumberOfACallThatWasRestartedIsFound) {
  for (bool in_code : {true, false}) {
    Target target([in_code](Board& board) {
      board.ready = 1;
      timespec time = {600, 0};
      if (in_code)
        nanosleep(&time, nullptr);  // clock_nanosleep in glibc since 2.31
      else
        syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &time, nullptr);
    });
    ASSERT_TRUE(target.asleep_in(SYS_clock_nanosleep));
    hold_with_a_batch(target);
    ASSERT_TRUE(target.asleep_in(SYS_restart_syscall));
    Hold hold = Hold::tree(target.pid(), soon());
    const user_regs_struct& registers = hold.processes().at(0).tasks.at(0).state().registers;
    EXPECT_EQ(static_cast<long>(registers.rax), -516);
    EXPECT_EQ(registers.orig_rax, static_cast<unsigned long>(SYS_clock_nanosleep));
  }
}

user_regs_struct stopped_in(long number, long code) {
  user_regs_struct registers{};
  registers.rip = 0x1000;
  registers.orig_rax = static_cast<unsigned long>(number);
  registers.rax = static_cast<unsigned long>(code);
  return registers;
}

TEST(PrepareRestart, OnANewTaskARestartBlockBecomesAFullRestart) {
  auto registers = stopped_in(SYS_nanosleep, -516);
  prepare_restart(registers, false, "");
  EXPECT_EQ(static_cast<long>(registers.rax), -514);
  EXPECT_EQ(registers.orig_rax, static_cast<unsigned long>(SYS_nanosleep));
  registers = stopped_in(SYS_nanosleep, -516);
  prepare_restart(registers, true, "");
  EXPECT_EQ(static_cast<long>(registers.rax), -516);
}

TEST(PrepareRestart, TheNumberLostByARestartIsFoundByTheWaitChannel) {
  auto registers = stopped_in(SYS_restart_syscall, -516);
  prepare_restart(registers, false, "futex_do_wait");
  EXPECT_EQ(registers.orig_rax, static_cast<unsigned long>(SYS_futex));
  registers = stopped_in(SYS_restart_syscall, -516);
  registers.rdi = CLOCK_MONOTONIC;
  prepare_restart(registers, false, "do_syscall_64");
  EXPECT_EQ(registers.orig_rax, static_cast<unsigned long>(SYS_clock_nanosleep));
  registers = stopped_in(SYS_restart_syscall, -516);
  prepare_restart(registers, false, "");
  EXPECT_EQ(static_cast<long>(registers.rax), -EINTR);
}

TEST(PrepareRestart, PlainEintrIsRewoundOnlyWhereTheCallCanBeMadeAgain) {
  auto registers = stopped_in(SYS_epoll_wait, -EINTR);
  prepare_restart(registers, true, "");
  EXPECT_EQ(registers.rip, 0xffeu);
  EXPECT_EQ(registers.rax, static_cast<unsigned long>(SYS_epoll_wait));
  EXPECT_EQ(static_cast<long>(registers.orig_rax), -1);
  registers = stopped_in(SYS_close, -EINTR);
  prepare_restart(registers, true, "");
  EXPECT_EQ(registers.rip, 0x1000u);
  registers = stopped_in(-1, -EINTR);  // not in a call: a mere number
  prepare_restart(registers, false, "");
  EXPECT_EQ(registers.rip, 0x1000u);
}

}  // namespace
}  // namespace cairn::tracee
