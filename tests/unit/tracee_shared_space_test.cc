// Batches in tasks that have the shared mapping, as those of a restore have.
#include <sys/mman.h>
#include <sys/syscall.h>

#include <set>

#include "tracee/batch.h"
#include "tracee_target.h"

namespace cairn::tracee {
namespace {

using namespace testing;

constexpr RemoteAddress kPlace{0x200000000000};

void map_space(const SharedSpace& space, Board& board) {
  char* place = reinterpret_cast<char*>(kPlace.value);
  size_t code = space.code_size();
  void* first = mmap(place, code, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE, space.memfd(), 0);
  void* rest = mmap(place + code, space.size() - code, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE,
                    space.memfd(), static_cast<off_t>(code));
  board.error = first != place || rest != place + code;
}

TEST(SharedSpace, RunsBatchesInTasksThatInheritIt) {
  SharedSpace space(kPlace, 2);
  Target target([&](Board& board) {
    map_space(space, board);
    if (fork() == 0) die_with_parent();
    board.ready++;
    while (true) pause();
  });
  ASSERT_TRUE(target.ready(2));
  ASSERT_EQ(target.board().error, 0);
  Hold hold = Hold::tree(target.pid(), soon());
  ASSERT_EQ(hold.processes().size(), 2u);
  std::vector<std::unique_ptr<Batch>> batches;
  std::vector<Batch*> all;
  for (size_t n = 0; n < 2; ++n) {
    batches.push_back(std::make_unique<Batch>(space, n, hold.processes()[n].tasks.at(0)));
    all.push_back(batches.back().get());
  }
  for (int round = 0; round < 3; ++round) {
    std::vector<Pending> pids;
    std::vector<Out<stack_t>> stacks;
    for (Batch* batch : all) {
      pids.push_back(batch->call(SYS_getpid));
      stacks.push_back(batch->out<stack_t>());
      batch->call(SYS_sigaltstack, 0, stacks.back());
      for (int n = 0; n < 300; ++n) batch->call(SYS_gettid);
    }
    Batch::flush_all(all);
    for (size_t n = 0; n < 2; ++n) EXPECT_EQ(pids[n].value(), hold.processes()[n].pid.value);
    stack_t own{};
    sigaltstack(nullptr, &own);  // inherited: AddressSanitizer has set one
    for (auto& stack : stacks) EXPECT_EQ(stack.value().ss_flags, own.ss_flags);
  }
}

// Signals that a batch queues stay pending, whichever they are: none of them is taken to end batches.
TEST(SharedSpace, QueuedSignalsStayPending) {
  SharedSpace space(kPlace, 1);
  Target target([&](Board& board) {
    map_space(space, board);
    board.ready = 1;
    while (true) pause();
  });
  ASSERT_TRUE(target.ready());
  Hold hold = Hold::tree(target.pid(), soon());
  Task& task = hold.processes().at(0).tasks.at(0);
  Batch batch(space, 0, task);
  for (int signal : {SIGURG, SIGWINCH, SIGCHLD, SIGHUP}) {
    batch.call(SYS_tkill, task.thread().value, signal);
    batch.flush();
  }
  batch.call(SYS_getpid);
  batch.flush();
  std::set<int> pending;
  for (const siginfo_t& info : task.pending_signals(false)) pending.insert(info.si_signo);
  EXPECT_EQ(pending, (std::set<int>{SIGURG, SIGWINCH, SIGCHLD, SIGHUP}));
}

}  // namespace
}  // namespace cairn::tracee
