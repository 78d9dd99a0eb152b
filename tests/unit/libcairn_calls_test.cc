// libcairn against a fake `cairn`: a shell script that notes how it was called and prints what the test tells it to.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cairn/cairn.h"

namespace cairn {
namespace {

class FakeCairn : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/libcairn.XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    program_.name = directory_ + "/cairn";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void fake(const std::string& body) {
    std::ofstream(program_.name) << "#!/bin/sh\nprintf '%s\\n' \"$@\" > " << directory_ << "/arguments\n"
                                 << body << '\n';
    ASSERT_EQ(chmod(program_.name.c_str(), 0700), 0);
  }
  void fake_result(const std::string& json, int status = 0) {
    fake("cat <<'END'\n" + json + "\nEND\nexit " + std::to_string(status));
  }
  std::string read(const std::string& name) const {
    std::stringstream text;
    text << std::ifstream(directory_ + "/" + name).rdbuf();
    return text.str();
  }

  std::string directory_;
  Program program_;
};

TEST_F(FakeCairn, CheckpointPassesOptionsAndReadsTheResult) {
  fake_result(R"({"image": "/x \"y\"\u000a.cairn", "processes": 2, "threads": 7, "bytes": 5000000000,
                  "pause_ns": 1500000, "total_ns": 9000000})");
  CheckpointOptions options;
  options.output = "/x y";
  options.replace = true;
  options.then = Then::kStop;
  options.timeout = std::chrono::milliseconds(1050);
  options.program = program_;
  auto outcome = checkpoint(4242, options);
  ASSERT_TRUE(outcome) << outcome.problem().message;
  EXPECT_EQ(outcome->image, "/x \"y\"\n.cairn");
  EXPECT_EQ(outcome->processes, 2U);
  EXPECT_EQ(outcome->threads, 7U);
  EXPECT_EQ(outcome->bytes, 5'000'000'000U);
  EXPECT_EQ(outcome->pause, std::chrono::microseconds(1500));
  EXPECT_EQ(read("arguments"),
            "checkpoint\n--json\n--quiet\n--then\nstop\n--timeout\n1.050\n--replace\n--output\n/x y\n--\n4242\n");
}

TEST_F(FakeCairn, RefusalBringsEveryObstacle) {
  fake_result(R"({"error": {"code": 3, "message": "refused", "obstacles": [
                   {"object": "process 1: descriptor 7", "reason": "inotify", "remedy": "close it", "rule": "inotify"},
                   {"object": "process 2", "reason": "traced", "remedy": "", "rule": ""}]}})",
              3);
  auto outcome = checkpoint(1, {.program = program_});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.problem().code, Code::kRefused);
  ASSERT_EQ(outcome.problem().obstacles.size(), 2U);
  EXPECT_EQ(outcome.problem().obstacles[0].remedy, "close it");
  EXPECT_EQ(outcome.problem().obstacles[1].reason, "traced");
}

TEST_F(FakeCairn, CheckGivesObstaclesAsItsResult) {
  fake_result(R"({"ok": false, "obstacles": [{"object": "o", "reason": "r", "remedy": "m", "rule": "u"}]})", 3);
  auto outcome = check(1, {.program = program_});
  ASSERT_TRUE(outcome);
  ASSERT_EQ(outcome->size(), 1U);
  EXPECT_EQ((*outcome)[0].rule, "u");
  fake_result(R"({"ok": true, "obstacles": []})");
  EXPECT_TRUE(check(1, {.program = program_})->empty());
}

TEST_F(FakeCairn, RestoreIsSiblingOrDetached) {
  fake_result(R"({"root": 77, "processes": 1, "threads": 2, "total_ns": 3})");
  auto outcome = restore("-image", {.pid_file = "/run/x", .program = program_});
  ASSERT_TRUE(outcome) << outcome.problem().message;
  EXPECT_EQ(outcome->root, 77);
  EXPECT_EQ(read("arguments"), "restore\n--json\n--quiet\n--sibling\n--pidfile\n/run/x\n--\n-image\n");
  ASSERT_TRUE(restore("image", {.parent = Parent::kNobody, .program = program_}));
  EXPECT_EQ(read("arguments"), "restore\n--json\n--quiet\n--detach\n--\nimage\n");
}

TEST_F(FakeCairn, DryRunTellsUnmetPreconditions) {
  fake_result(R"({"ok": false, "preconditions": [{"object": "p", "needed": "n", "met": false, "found": "f"}],
                  "plan": ["a", "b"]})",
              4);
  auto outcome = dry_run("image", program_);
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->possible);
  EXPECT_EQ(outcome->preconditions.at(0).found, "f");
  EXPECT_EQ(outcome->plan, (std::vector<std::string>{"a", "b"}));
}

TEST_F(FakeCairn, InspectGivesTheTextAsItIs) {
  fake_result(R"({"records": [1, 2.5e3, null]})");
  EXPECT_EQ(*inspect("image", program_), "{\"records\": [1, 2.5e3, null]}\n");
}

TEST_F(FakeCairn, DamagedImageHasItsCode) {
  fake_result(R"({"error": {"code": 5, "message": "head: is cut short"}})", 5);
  EXPECT_EQ(inspect("image", program_).problem().code, Code::kDamagedImage);
}

TEST_F(FakeCairn, ProgramThatIsMissingOrDiesOrBabblesIsAProblem) {
  EXPECT_NE(check(1, {.program = program_}).problem().message.find("No such file"), std::string::npos);
  fake("kill -9 $$");
  EXPECT_NE(check(1, {.program = program_}).problem().message.find("signal 9"), std::string::npos);
  fake_result("[1, 2");
  EXPECT_NE(check(1, {.program = program_}).problem().message.find("no result"), std::string::npos);
  fake_result(std::string(100'000, '['));
  EXPECT_NE(check(1, {.program = program_}).problem().message.find("no result"), std::string::npos);
}

// The host program's state must not reach the child: a blocked SIGTERM or an open descriptor would end up in a job.
TEST_F(FakeCairn, ChildStartsClean) {
  fake("exec >" + directory_ + "/seen; ls /proc/self/fd; grep -E 'SigBlk|SigIgn' /proc/self/status");
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, &old);
  auto before = ::signal(SIGPIPE, SIG_IGN);
  int leaked = ::open("/dev/null", O_RDONLY);
  check(1, {.program = program_});
  ::close(leaked);
  ::signal(SIGPIPE, before);
  sigprocmask(SIG_SETMASK, &old, nullptr);
  // 3 is ls's own; posix_spawn of glibc leaves its two internal signals, 32 and 33, ignored.
  std::string seen = read("seen");
  EXPECT_EQ(seen.substr(0, seen.find("SigIgn")), "0\n1\n2\n3\nSigBlk:\t0000000000000000\n");
  uint64_t ignored = std::stoull(seen.substr(seen.find("SigIgn:") + 7), nullptr, 16);
  EXPECT_EQ(ignored & ~(uint64_t{3} << 31), 0U);
}

TEST_F(FakeCairn, WorksWhereChildrenAreReapedByThemselves) {
  fake_result(R"({"ok": true, "obstacles": []})");
  auto before = ::signal(SIGCHLD, SIG_IGN);
  auto outcome = check(1, {.program = program_});
  ::signal(SIGCHLD, before);
  EXPECT_TRUE(outcome);
}

}  // namespace
}  // namespace cairn
