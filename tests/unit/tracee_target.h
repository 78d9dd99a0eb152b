// Real child processes for the tests of tracee: a body that runs in a forked child, and what can be seen of it from
// outside.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "base/ids.h"
#include "kernel/procfs.h"
#include "tracee/hold.h"

namespace cairn::tracee::testing {

using namespace std::chrono_literals;

inline Deadline soon(std::chrono::milliseconds time = 60s) { return Clock::now() + time; }

// Polls until `condition` holds; false when it doesn't within a minute, for the host may be busy.
inline bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds time = 60s) {
  for (Deadline deadline = soon(time); Clock::now() < deadline; std::this_thread::sleep_for(1ms))
    if (condition()) return true;
  return condition();
}

// What a target tells, in memory that it shares with the test.
struct Board {
  std::atomic<int> ready{0};
  std::atomic<long> count{0};
  std::atomic<long> result{0};
  std::atomic<long> error{0};
  std::atomic<int> stop{0};
  std::atomic<long> words[16]{};
};

// A child that outlives an aborted test would run for ever.
inline void die_with_parent() { ::prctl(PR_SET_PDEATHSIG, SIGKILL); }

class Target {
 public:
  explicit Target(const std::function<void(Board&)>& body) {
    void* memory = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    board_ = new (memory) Board;
    pid_ = ::fork();
    if (pid_ == 0) {
      die_with_parent();
      body(*board_);
      ::_exit(0);
    }
  }
  Target(const Target&) = delete;
  ~Target() {
    end();
    ::munmap(board_, sizeof(Board));
  }

  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  // Waits for the target's own end; its wait status.
  int join() {
    int status = -1;
    EXPECT_TRUE(eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }));
    if (status != -1) pid_ = -1;
    return status;
  }

  HostPid pid() const { return {pid_}; }
  Board& board() { return *board_; }
  bool ready(int value = 1) {
    return eventually([&] { return board_->ready >= value; });
  }
  // Whether it sleeps in the kernel, in the call with this number.
  bool is_in(long call) const {
    auto text = kernel::ProcDir::open(pid())->try_read("syscall");
    return text && text->starts_with(std::to_string(call) + " ");
  }
  bool asleep_in(long call) {
    return eventually([&] { return is_in(call); });
  }
  bool counts_on() {
    long before = board_->count;
    return eventually([&] { return board_->count > before + 1; });
  }
  std::string file(const std::string& name) const { return kernel::ProcDir::open(pid())->read(name); }

 private:
  pid_t pid_ = -1;
  Board* board_ = nullptr;
};

// The lines of /proc/PID/status from SigPnd to SigCgt: all about signals (but SigQ, which counts those of the user).
inline std::string signal_lines(const Target& target) {
  std::string text = target.file("status");
  size_t begin = text.find("SigPnd:"), end = text.find("CapInh:");
  return text.substr(begin, end - begin);
}

}  // namespace cairn::tracee::testing
