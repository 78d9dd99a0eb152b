// Trees of processes in all kinds of states: held, worked in, released as they were.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/rseq.h>
#include <sys/syscall.h>

#include <set>
#include <vector>

#include "tracee/batch.h"
#include "tracee/hold.h"
#include "tracee_target.h"

namespace cairn::tracee {
namespace {

using namespace testing;

void count_for_ever(Board& board) {
  board.ready = 1;
  while (true) board.count.fetch_add(1, std::memory_order_relaxed);
}

char state_of(HostPid pid) { return kernel::ProcDir::open(pid)->stat().state; }

// One small batch in every task of one process.
void work_in(HeldProcess& process) {
  auto proc = kernel::ProcDir::open(process.pid, process.tasks.at(0).thread());
  InjectedSpace space(process.tasks.at(0), process.tasks.size(), proc->maps());
  std::vector<std::unique_ptr<Batch>> batches;
  std::vector<Batch*> all;
  std::vector<Pending> ids;
  for (size_t n = 0; n < process.tasks.size(); ++n) {
    batches.push_back(std::make_unique<Batch>(space, n, process.tasks[n]));
    batches.back()->call(SYS_getpid);
    ids.push_back(batches.back()->call(SYS_gettid));
    all.push_back(batches.back().get());
  }
  Batch::flush_all(all);
  for (size_t n = 0; n < ids.size(); ++n) EXPECT_EQ(ids[n].value(), process.tasks[n].thread().value);
  space.close();
}

// Holds, works, releases; maps and the signal lines of status are the same before and after.
void expect_unharmed_by_a_hold(Target& target) {
  std::string maps = target.file("maps"), signals = signal_lines(target);
  {
    Hold hold = Hold::tree(target.pid(), soon());
    for (const HoldProblem& problem : hold.problems()) ADD_FAILURE() << problem.reason;
    for (HeldProcess& process : hold.processes())
      if (!process.zombie) work_in(process);
    hold.release();
  }
  EXPECT_EQ(target.file("maps"), maps);
  EXPECT_EQ(signal_lines(target), signals);
}

TEST(Hold, ExtendedStateSurvivesBatches) {
  Target target([](Board& board) {
    alignas(32) static uint64_t pattern[4] = {0x1122334455667788, 0x99aabbccddeeff00, 0x0123456789abcdef, 42};
    alignas(32) static uint64_t seen[4];
    bool first = true;
    asm volatile("vmovdqa %0, %%ymm13" ::"m"(pattern[0]) : "xmm13");
    while (board.stop == 0) {
      asm volatile("" ::: "memory");
      board.count = board.count + 1;
      if (first) board.ready = 1;
      first = false;
      asm volatile("vmovdqa %%ymm13, %0" : "=m"(seen[0])::"memory");
      if (memcmp(seen, pattern, sizeof(seen)) != 0) board.error = 1;
    }
  });
  ASSERT_TRUE(target.ready());
  for (int n = 0; n < 20; ++n) expect_unharmed_by_a_hold(target);
  EXPECT_TRUE(target.counts_on());
  EXPECT_EQ(target.board().error, 0);
}

TEST(Hold, SixtyFourThreadsAtOnce) {
  Target target([](Board& board) {
    for (int n = 0; n < 63; ++n) {
      std::thread([&board] {
        board.ready++;
        while (true) {
          board.count++;
          usleep(1000);
        }
      }).detach();
    }
    while (true) pause();
  });
  ASSERT_TRUE(target.ready(63));
  Hold hold = Hold::tree(target.pid(), soon());
  ASSERT_EQ(hold.processes().size(), 1u);
  auto& tasks = hold.processes()[0].tasks;
  EXPECT_EQ(tasks.size(), 64u);
  EXPECT_EQ(tasks[0].thread(), target.pid());
  for (size_t n = 2; n < tasks.size(); ++n) EXPECT_LT(tasks[n - 1].thread(), tasks[n].thread());
  long count = target.board().count;
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(target.board().count, count);
  work_in(hold.processes()[0]);
  EXPECT_GT(hold.pause(), 20ms);
  hold.release();
  EXPECT_TRUE(target.counts_on());
  expect_unharmed_by_a_hold(target);
}

TEST(Hold, GroupStoppedGoesBackToItsStop) {
  Target target(count_for_ever);
  ASSERT_TRUE(target.ready());
  kill(target.pid().value, SIGSTOP);
  ASSERT_TRUE(eventually([&] { return state_of(target.pid()) == 'T'; }));
  {
    Hold hold = Hold::tree(target.pid(), soon());
    EXPECT_EQ(hold.processes().at(0).tasks.at(0).stop_kind(), StopKind::kGroup);
    EXPECT_EQ(hold.processes()[0].tasks[0].group_stop_signal(), SIGSTOP);
  }
  expect_unharmed_by_a_hold(target);
  EXPECT_TRUE(eventually([&] { return state_of(target.pid()) == 'T'; }));
  kill(target.pid().value, SIGCONT);
  EXPECT_TRUE(target.counts_on());
}

TEST(Hold, BlockedAndPendingSignalsStay) {
  Target target([](Board& board) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    for (int signal : {SIGUSR1, SIGTRAP, SIGURG, SIGWINCH, SIGRTMIN + 3}) raise(signal);
    kill(getpid(), SIGUSR2);
    count_for_ever(board);
  });
  ASSERT_TRUE(target.ready());
  for (int n = 0; n < 3; ++n) expect_unharmed_by_a_hold(target);
  EXPECT_TRUE(target.counts_on());
}

TEST(Hold, IgnoredTrapStaysIgnored) {
  Target target([](Board& board) {
    signal(SIGTRAP, SIG_IGN);
    count_for_ever(board);
  });
  ASSERT_TRUE(target.ready());
  expect_unharmed_by_a_hold(target);
}

std::atomic<long> handler_runs{0};

// As Go programs do: no signal is without effect, so the batches are stepped.
TEST(Hold, ProgramThatCatchesEverySignal) {
  Target target([](Board& board) {
    for (int number = 1; number < 65; ++number) signal(number, [](int) { handler_runs++; });
    board.ready = 1;
    while (true) {
      board.count++;
      board.error = handler_runs.load();
    }
  });
  ASSERT_TRUE(target.ready());
  for (int n = 0; n < 3; ++n) expect_unharmed_by_a_hold(target);
  EXPECT_TRUE(target.counts_on());
  EXPECT_EQ(target.board().error, 0);
}

TEST(Hold, SeccompFilterIsSuspendedAndComesBack) {
  if (geteuid() != 0) GTEST_SKIP() << "PTRACE_O_SUSPEND_SECCOMP needs CAP_SYS_ADMIN";
  Target target([](Board& board) {
    // Kills for everything but nanosleep.
    sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_nanosleep, 0, 1),
                             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
                             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
    sock_fprog filter = {4, program};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
    board.ready = 1;
    while (board.stop == 0) board.count++;
    syscall(SYS_getpid);
  });
  ASSERT_TRUE(target.ready());
  expect_unharmed_by_a_hold(target);
  EXPECT_TRUE(target.counts_on());
  target.board().stop = 1;
  int status = target.join();
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSYS);
}

TEST(Hold, MemoryDenyWriteExecute) {
  constexpr int kSetMdwe = 65;  // PR_SET_MDWE, Linux 6.3
  Target target([](Board& board) {
    board.error = prctl(kSetMdwe, 1, 0, 0, 0);
    count_for_ever(board);
  });
  ASSERT_TRUE(target.ready());
  if (target.board().error != 0) GTEST_SKIP() << "this kernel has no PR_SET_MDWE";
  expect_unharmed_by_a_hold(target);
}

TEST(Hold, SmallStackOnTheHeapIsNotWrittenTo) {
  Target target([](Board& board) {
    constexpr size_t kSize = 64 << 10;
    static unsigned char* memory = static_cast<unsigned char*>(malloc(kSize));
    memset(memory, 0x5a, kSize);
    // Spins on a stack in the middle of the heap block and then looks for what changed below.
    unsigned char* top = memory + kSize / 2;
    asm volatile(
        "mov %%rsp, %%rbx\n mov %0, %%rsp\n"
        "movl $1, (%1)\n"
        "1: incq (%2)\n cmpl $0, (%3)\n je 1b\n"
        "mov %%rbx, %%rsp\n" ::"r"(top),
        "r"(&board.ready), "r"(&board.count), "r"(&board.stop)
        : "rbx", "memory");
    for (size_t n = 0; n < kSize; ++n)
      if (memory[n] != 0x5a) board.error = 1;
  });
  ASSERT_TRUE(target.ready());
  expect_unharmed_by_a_hold(target);
  EXPECT_TRUE(target.counts_on());
  target.board().stop = 1;
  EXPECT_EQ(target.join(), 0);
  EXPECT_EQ(target.board().error, 0);
}

TEST(Hold, StopSignalDuringTheHoldIsKept) {
  Target target(count_for_ever);
  ASSERT_TRUE(target.ready());
  Hold hold = Hold::tree(target.pid(), soon());
  kill(target.pid().value, SIGSTOP);
  work_in(hold.processes().at(0));
  hold.release();
  EXPECT_TRUE(eventually([&] { return state_of(target.pid()) == 'T'; }));
  kill(target.pid().value, SIGCONT);
  EXPECT_TRUE(target.counts_on());
}

TEST(Hold, ReleaseStoppedLeavesAJobControlStop) {
  Target target(count_for_ever);
  ASSERT_TRUE(target.ready());
  Hold hold = Hold::tree(target.pid(), soon());
  work_in(hold.processes().at(0));
  hold.release_stopped();
  EXPECT_TRUE(eventually([&] { return state_of(target.pid()) == 'T'; }));
  kill(target.pid().value, SIGCONT);
  EXPECT_TRUE(target.counts_on());
}

// Processes that fork and exit, and threads that come and go, all the while.
TEST(Hold, ForkingStorm) {
  Target target([](Board& board) {
    signal(SIGCHLD, SIG_DFL);
    std::thread([&board] {
      while (true) {
        std::thread([&board] { board.words[1]++; }).join();
      }
    }).detach();
    while (true) {
      board.ready = 1;
      board.count++;
      pid_t child = fork();
      if (child == 0) {
        if (fork() == 0) _exit(0);
        wait(nullptr);
        _exit(7);
      }
      int status = 0;
      if (waitpid(child, &status, 0) != child || status != 7 << 8) board.error = 1;
    }
  });
  ASSERT_TRUE(target.ready());
  for (int n = 0; n < 40; ++n) {
    Hold hold = Hold::tree(target.pid(), soon());
    ASSERT_TRUE(hold.problems().empty()) << hold.problems()[0].reason;
    long count = target.board().count, threads = target.board().words[1];
    for (HeldProcess& process : hold.processes())
      if (!process.zombie && !process.tasks.empty() && n % 4 == 0) work_in(process);
    std::this_thread::sleep_for(2ms);
    EXPECT_EQ(target.board().count, count);
    EXPECT_EQ(target.board().words[1], threads);
    hold.release();
    EXPECT_TRUE(target.counts_on());
  }
  EXPECT_EQ(target.board().error, 0);
}

TEST(Hold, VforkParentIsHeldOnceItsChildHasExeced) {
  Target target([](Board& board) {
    while (true) {
      pid_t child = vfork();
      if (child == 0) {
        timespec time = {0, 100'000'000};
        board.ready = 1;
        syscall(SYS_nanosleep, &time, nullptr);
        execl("/bin/sleep", "sleep", "0.05", nullptr);
        _exit(1);
      }
      int status = -1;
      if (waitpid(child, &status, 0) != child || status != 0) board.error = 1;
      board.count++;
    }
  });
  ASSERT_TRUE(target.ready());
  for (int n = 0; n < 5;) {
    Hold hold = Hold::tree(target.pid(), soon());
    if (!hold.problems().empty()) {  // a busy host
      ASSERT_TRUE(hold.problems()[0].passes) << hold.problems()[0].reason;
      continue;
    }
    ++n;
    EXPECT_EQ(hold.processes().at(0).tasks.size(), 1u);
    work_in(hold.processes()[0]);
    hold.release();
    EXPECT_TRUE(target.counts_on());
  }
  EXPECT_EQ(target.board().error, 0);
}

TEST(Hold, VforkThatLastsIsAProblem) {
  Target target([](Board& board) {
    pid_t child = vfork();
    if (child == 0) {
      board.words[0] = getpid();
      board.ready = 1;
      while (board.stop == 0) usleep(1000);
      _exit(0);
    }
    waitpid(child, nullptr, 0);
    board.count++;
  });
  ASSERT_TRUE(target.ready());
  {
    Hold hold = Hold::tree(target.pid(), Clock::now() + 2s);
    ASSERT_EQ(hold.problems().size(), 1u);
    EXPECT_EQ(hold.problems()[0].process, target.pid());
    EXPECT_NE(hold.problems()[0].reason.find("vfork"), std::string::npos);
    EXPECT_TRUE(hold.problems()[0].passes);
    target.board().stop = 1;
    hold.release();
  }
  EXPECT_EQ(target.join(), 0);
  EXPECT_EQ(target.board().count, 1);
}

TEST(Hold, ZombiesAndDeadLeaders) {
  Target target([](Board& board) {
    pid_t zombie = fork();
    if (zombie == 0) _exit(3);  // never waited for
    board.words[0] = zombie;
    if (fork() == 0) {
      board.words[1] = getpid();
      die_with_parent();
      std::thread([&board] { count_for_ever(board); }).detach();
      syscall(SYS_exit, 0);  // the leader alone
    }
    while (true) pause();
  });
  ASSERT_TRUE(target.ready());
  for (int n : {0, 1}) {
    HostPid child{static_cast<pid_t>(target.board().words[n])};
    ASSERT_TRUE(eventually([&] { return state_of(child) == 'Z'; }));
  }
  Hold hold = Hold::tree(target.pid(), soon());
  EXPECT_TRUE(hold.problems().empty());
  ASSERT_EQ(hold.processes().size(), 3u);
  int zombies = 0, leaderless = 0;
  for (HeldProcess& process : hold.processes()) {
    zombies += process.zombie;
    leaderless += !process.dead_leader.empty();
    EXPECT_EQ(process.tasks.size(), process.zombie ? 0u : 1u);
    EXPECT_EQ(process.parent.value, process.pid == target.pid() ? getpid() : target.pid().value);
    if (!process.zombie) work_in(process);
  }
  EXPECT_EQ(zombies, 1);
  EXPECT_EQ(leaderless, 1);
  hold.release();
  EXPECT_TRUE(target.counts_on());
}

TEST(Hold, KillEndsTheWholeTree) {
  Target target([](Board& board) {
    for (int n = 0; n < 3; ++n) {
      if (fork() != 0) continue;
      die_with_parent();
      std::thread([] { pause(); }).detach();
      board.words[n] = getpid();
      board.ready++;
      while (true) pause();
    }
    while (true) pause();
  });
  ASSERT_TRUE(target.ready(3));
  Hold hold = Hold::tree(target.pid(), soon());
  ASSERT_EQ(hold.processes().size(), 4u);
  hold.kill();
  EXPECT_NE(kill(target.pid().value, 0), 0);  // we are its parent too, so it is reaped for good
  for (int n = 0; n < 3; ++n)
    EXPECT_TRUE(eventually([&] { return kill(static_cast<pid_t>(target.board().words[n]), 0) != 0; }));
}

// A thread that isn't the leader execs: all others vanish, and it takes over the leader's id.
TEST(Hold, ThreadsThatExec) {
  Target target([](Board& board) {
    setenv("TRACEE_EXEC_STORM", std::to_string(reinterpret_cast<uintptr_t>(&board)).c_str(), 1);
    execl("/proc/self/exe", "unit_tracee", nullptr);
  });
  ASSERT_TRUE(eventually([&] { return target.file("cmdline").starts_with("unit_tracee"); }));
  for (int n = 0; n < 30; ++n) {
    Hold hold = Hold::tree(target.pid(), soon());
    ASSERT_TRUE(hold.problems().empty()) << hold.problems()[0].reason;
    ASSERT_EQ(hold.processes().size(), 1u);
    if (!hold.processes()[0].tasks.empty()) work_in(hold.processes()[0]);
    hold.release();
    std::this_thread::sleep_for(3ms);
  }
  // For a moment of each exec it looks dead.
  EXPECT_TRUE(eventually([&] { return state_of(target.pid()) != 'Z'; }));
}

[[gnu::constructor]] void exec_for_ever() {
  if (!getenv("TRACEE_EXEC_STORM")) return;
  for (int n = 0; n < 3; ++n) std::thread([] { pause(); }).detach();
  std::thread([] { execl("/proc/self/exe", "unit_tracee", nullptr); }).join();
}

// Preempted or held within a restartable sequence, a program goes on at the abort handler.
TEST(Hold, RestartableSequenceIsAborted) {
  Target target([](Board& board) {
    struct alignas(32) Section {
      uint32_t version, flags;
      uint64_t start, length, abort;
    };
    static Section section;
    uint64_t area = reinterpret_cast<uint64_t>(__builtin_thread_pointer()) + static_cast<uint64_t>(__rseq_offset);
    if (__rseq_size == 0) board.stop = 2;
    asm volatile(
        "lea 3f(%%rip), %%rax\n mov %%rax, %c[start](%0)\n"
        "lea 4f(%%rip), %%rcx\n sub %%rax, %%rcx\n mov %%rcx, %c[length](%0)\n"
        "lea 5f(%%rip), %%rax\n mov %%rax, %c[abort](%0)\n"
        "movl $1, (%2)\n"
        "2: mov %0, 8(%1)\n"  // rseq_cs
        "3: incq (%3)\n jmp 3b\n"
        "4: movq $1, (%4)\n"                           // never reached
        ".byte 0x0f, 0xb9, 0x3d\n .long 0x53053053\n"  // the signature before the abort handler
        "5: incq (%5)\n jmp 2b\n" ::"r"(&section),
        "r"(area), "r"(&board.ready), "r"(&board.count), "r"(&board.error),
        "r"(&board.result), [start] "i"(offsetof(Section, start)), [length] "i"(offsetof(Section, length)),
        [abort] "i"(offsetof(Section, abort))
        : "rax", "rcx", "memory");
  });
  ASSERT_TRUE(target.ready());
  if (target.board().stop == 2) GTEST_SKIP() << "the C library has not registered rseq";
  for (int n = 0; n < 10; ++n) {
    long aborts = target.board().result;
    expect_unharmed_by_a_hold(target);
    EXPECT_TRUE(target.counts_on());
    EXPECT_GT(target.board().result, aborts);
  }
  EXPECT_EQ(target.board().error, 0);
}

// In a process that has become an ordinary user, whose exit status tells which check failed.
int as_nobody(const std::function<int()>& body) {
  pid_t child = fork();
  if (child == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(100);
    prctl(PR_SET_DUMPABLE, 1);
    int result = 101;
    try {
      result = body();
    } catch (const std::exception& error) {
      fprintf(stderr, "%s\n", error.what());
    }
    _exit(result);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Hold, OrdinaryUser) {
  EXPECT_EQ(as_nobody([] {
              Target target(count_for_ever);
              if (!target.ready()) return 1;
              expect_unharmed_by_a_hold(target);
              return target.counts_on() && !::testing::Test::HasFailure() ? 0 : 2;
            }),
            0);
}

TEST(Hold, FilterThatMayNotBeSuspendedIsAProblem) {
  EXPECT_EQ(as_nobody([] {
              Target target([](Board& board) {
                sock_filter program[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
                sock_fprog filter = {1, program};
                prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
                count_for_ever(board);
              });
              if (!target.ready()) return 1;
              Hold hold = Hold::tree(target.pid(), soon());
              if (hold.problems().size() != 1) return 2;
              if (hold.problems()[0].reason.find("seccomp") == std::string::npos) return 3;
              try {
                work_in(hold.processes().at(0));
                return 4;
              } catch (const Error& error) {
                if (error.text().find("seccomp") == std::string::npos) return 5;
              }
              hold.release();
              return target.counts_on() ? 0 : 6;
            }),
            0);
}

TEST(Hold, OtherUsersProcessIsAProblem) {
  Target target(count_for_ever);
  ASSERT_TRUE(target.ready());
  EXPECT_EQ(as_nobody([&] {
              Hold hold = Hold::tree(target.pid(), soon());
              return hold.problems().size() == 1 && !hold.problems()[0].remedy.empty() ? 0 : 1;
            }),
            0);
  EXPECT_TRUE(target.counts_on());
}

TEST(Hold, TracedByAnotherIsAProblemThatNamesTheTracer) {
  Target traced(count_for_ever);
  ASSERT_TRUE(traced.ready());
  Target tracer([&](Board& board) {
    board.error = ptrace(PTRACE_SEIZE, traced.pid().value, 0, 0);
    board.ready = 1;
    while (true) pause();
  });
  ASSERT_TRUE(tracer.ready());
  ASSERT_EQ(tracer.board().error, 0);
  {
    Hold hold = Hold::tree(traced.pid(), soon());
    ASSERT_EQ(hold.problems().size(), 1u);
    EXPECT_NE(hold.problems()[0].reason.find(std::to_string(tracer.pid().value)), std::string::npos);
    EXPECT_FALSE(hold.problems()[0].remedy.empty());
  }
  EXPECT_TRUE(traced.counts_on());
}

TEST(Hold, RefusesItselfItsAncestorsAndNobody) {
  for (pid_t root : {getpid(), getppid()}) {
    Hold hold = Hold::tree({root}, soon());
    EXPECT_EQ(hold.problems().size(), 1u);
    EXPECT_TRUE(hold.processes().empty());
  }
  Target target(count_for_ever);
  HostPid gone = target.pid();
  target.end();
  EXPECT_THROW(Hold::tree(gone, soon()), Error);
}

// The parent is told as soon as the hold is over: not only when we, the tracer, have ended.
TEST(Hold, DeathDuringTheHoldReachesTheParent) {
  Target target([](Board& board) {
    pid_t child = fork();
    if (child == 0) {
      die_with_parent();
      std::thread([] { pause(); }).detach();
      count_for_ever(board);
    }
    board.words[0] = child;
    int status = 0;
    board.result = waitpid(child, &status, 0);
    board.error = status;
  });
  ASSERT_TRUE(target.ready());
  Hold hold = Hold::tree(target.pid(), soon());
  ASSERT_EQ(hold.processes().size(), 2u);
  auto child = static_cast<pid_t>(target.board().words[0]);
  kill(child, SIGKILL);
  hold.release();
  EXPECT_EQ(target.join(), 0);
  EXPECT_EQ(target.board().result, child);
  EXPECT_EQ(target.board().error, SIGKILL);
}

TEST(Hold, DeathDuringTheHoldIsOrdinary) {
  Target target(count_for_ever);
  ASSERT_TRUE(target.ready());
  Hold hold = Hold::tree(target.pid(), soon());
  kill(target.pid().value, SIGKILL);
  ASSERT_TRUE(eventually([&] { return state_of(target.pid()) == 'Z'; }));
  EXPECT_FALSE(hold.processes().at(0).tasks.at(0).release());
  EXPECT_NO_THROW(hold.release());
}

}  // namespace
}  // namespace cairn::tracee
