// Birth paths of trees that are given as tables.
#include <gtest/gtest.h>

#include <csignal>

#include "graph/births.h"

namespace cairn::graph {
namespace {

using Way = Birth::Way;
using Session = Birth::Session;

struct Row {
  int pid, parent, session, group;
  image::Process::Life life = image::Process::ALIVE;
  int exit_signal = SIGCHLD;
};
constexpr auto kZombie = image::Process::ZOMBIE;
constexpr auto kPhantom = image::Process::PHANTOM;

// The record of a process has its pid as id, that of its task a thousand more.
class TreeOf {
 public:
  explicit TreeOf(const std::vector<Row>& rows) : records_(records_of(rows)), tree_(records_) {}
  Births births() const { return plan_births(tree_); }

 private:
  static RecordSet records_of(const std::vector<Row>& rows) {
    RecordSet records;
    for (const Row& row : rows) {
      auto process = std::make_unique<image::Process>();
      process->set_life(row.life);
      process->set_pid(row.pid);
      process->set_session(row.session);
      process->set_group(row.group);
      process->set_exit_signal(row.exit_signal);
      if (row.parent != 0) process->mutable_parent()->set_id(static_cast<uint64_t>(row.parent));
      RecordId id{static_cast<uint64_t>(row.pid)}, task_id{id.value + 1000};
      records.add(id, {}, std::move(process));
      auto task = std::make_unique<image::Task>();
      task->set_tid(row.pid);
      task->mutable_process()->set_id(id.value);
      records.add(task_id, {}, std::move(task));
    }
    return records;
  }

  RecordSet records_;
  Tree tree_;
};

void expect_birth(const Births& births, uint64_t process, uint64_t creator, Way way, Session session) {
  ASSERT_TRUE(births.obstacles().empty()) << births.obstacles().front().reason;
  const Birth& birth = births.of({process});
  EXPECT_EQ(birth.creator.value, creator) << process;
  EXPECT_EQ(birth.way, way) << process;
  EXPECT_EQ(birth.session, session) << process;
}

void expect_creators_first(const Births& births) {
  std::set<RecordId> born;
  for (const Birth& birth : births.all()) {
    EXPECT_TRUE(!birth.creator || born.contains(birth.creator)) << birth.process.value;
    born.insert(birth.process);
  }
}

TEST(Births, ChildrenOfALeaderBeforeAndAfter) {
  Births births = TreeOf({{10, 0, 10, 10}, {11, 10, 11, 11}, {12, 11, 11, 11}, {13, 11, 10, 10}}).births();
  expect_birth(births, 12, 11, Way::kChild, Session::kAfterSetsid);
  expect_birth(births, 13, 11, Way::kChild, Session::kBeforeSetsid);
  expect_birth(births, 11, 10, Way::kChild, Session::kAfterSetsid);
}

TEST(Births, DaemonOfADeadLeader) {
  Births births = TreeOf({{10, 0, 10, 10}, {30, 10, 20, 20}, {31, 30, 20, 20}, {20, 0, 20, 20, kPhantom}}).births();
  expect_birth(births, 20, 10, Way::kChild, Session::kAny);
  expect_birth(births, 30, 20, Way::kSibling, Session::kAfterSetsid);
  expect_birth(births, 31, 30, Way::kChild, Session::kAny);
  expect_creators_first(births);
}

TEST(Births, RootOfADeadLeader) {
  Births births =
      TreeOf({{30, 0, 20, 20}, {31, 30, 20, 25}, {20, 0, 20, 20, kPhantom}, {25, 0, 20, 25, kPhantom}}).births();
  expect_birth(births, 20, 0, Way::kPlanter, Session::kAny);
  expect_birth(births, 30, 20, Way::kChild, Session::kAfterSetsid);
  expect_birth(births, 25, 30, Way::kChild, Session::kAny);
}

TEST(Births, OrphansOfALivingLeader) {
  Births births =
      TreeOf({{10, 0, 10, 10}, {11, 10, 11, 11}, {12, 11, 12, 12}, {20, 10, 11, 11}, {21, 10, 12, 12}}).births();
  expect_birth(births, 20, 11, Way::kSibling, Session::kAfterSetsid);
  expect_birth(births, 21, 12, Way::kOrphan, Session::kAfterSetsid);
}

TEST(Births, OrphanOfAZombie) {
  Births births = TreeOf({{10, 0, 10, 10}, {11, 10, 11, 11, kZombie}, {12, 10, 11, 11}}).births();
  expect_birth(births, 12, 11, Way::kSibling, Session::kAfterSetsid);
}

TEST(Births, ADeadLeaderIsBornBelowTheLowestHeir) {
  Births births =
      TreeOf({{10, 0, 10, 10}, {11, 10, 10, 10}, {20, 11, 15, 15}, {21, 10, 15, 15}, {15, 0, 15, 15, kPhantom}})
          .births();
  expect_birth(births, 15, 11, Way::kChild, Session::kAny);
  expect_birth(births, 20, 15, Way::kSibling, Session::kAfterSetsid);
  expect_birth(births, 21, 15, Way::kOrphan, Session::kAfterSetsid);
  expect_creators_first(births);
}

TEST(Births, WhoeverLeftTheSessionOfADeadLeaderWasBornInIt) {
  Births births =
      TreeOf({{10, 0, 10, 10}, {20, 10, 15, 15}, {21, 20, 21, 21}, {22, 21, 15, 15}, {15, 0, 15, 15, kPhantom}})
          .births();
  expect_birth(births, 20, 15, Way::kSibling, Session::kAfterSetsid);
  expect_birth(births, 21, 20, Way::kChild, Session::kAny);
  expect_birth(births, 22, 21, Way::kChild, Session::kBeforeSetsid);
}

TEST(Births, AGroupOfADeadLeaderIsMadeInItsSession) {
  Births births = TreeOf({{10, 0, 10, 10}, {11, 10, 11, 11}, {12, 11, 10, 15}, {15, 0, 10, 15, kPhantom}}).births();
  expect_birth(births, 15, 11, Way::kChild, Session::kBeforeSetsid);
}

TEST(Births, FoundersHaveLeftTheirGroup) {
  Births births = TreeOf({{10, 0, 10, 10}, {11, 10, 10, 10}, {12, 10, 10, 11}}).births();
  EXPECT_TRUE(births.founds_group({11}));
  EXPECT_FALSE(births.founds_group({10}));
}

TEST(Births, HeirsOnDifferentBranchesAreAnObstacle) {
  Births births = TreeOf({{10, 0, 10, 10},
                          {11, 10, 10, 10},
                          {12, 10, 10, 10},
                          {20, 11, 15, 15},
                          {21, 12, 15, 15},
                          {15, 0, 15, 15, kPhantom}})
                      .births();
  ASSERT_EQ(births.obstacles().size(), 1u);
  EXPECT_NE(births.obstacles()[0].reason.find("session 15"), std::string::npos);
}

TEST(Births, LeadersOnDifferentBranchesWereBornInTheSessionOfTheirChildren) {
  Births births = TreeOf({{10, 0, 10, 10},
                          {11, 10, 11, 11},
                          {12, 10, 12, 12},
                          {20, 11, 15, 15},
                          {21, 12, 15, 15},
                          {15, 0, 15, 15, kPhantom}})
                      .births();
  for (uint64_t leader : {11, 12}) expect_birth(births, leader, 15, Way::kSibling, Session::kAfterSetsid);
  expect_birth(births, 20, 11, Way::kChild, Session::kBeforeSetsid);
  expect_birth(births, 21, 12, Way::kChild, Session::kBeforeSetsid);
}

TEST(Births, AnOrphanTellsItsEndBySigchld) {
  Births births =
      TreeOf({{10, 0, 10, 10}, {11, 10, 11, 11}, {12, 11, 12, 12}, {20, 10, 12, 12, image::Process::ALIVE, SIGUSR1}})
          .births();
  EXPECT_EQ(births.obstacles().size(), 1u);
}

}  // namespace
}  // namespace cairn::graph
