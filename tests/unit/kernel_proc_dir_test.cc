// ProcDir against real processes: this one, and children of it that exit.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "kernel/calls.h"
#include "kernel/procfs.h"

namespace cairn::kernel {
namespace {

class Child {
 public:
  Child() : pid_{::fork()} {
    if (pid_.value != 0) return;
    while (true) ::pause();
  }
  ~Child() { end(); }
  void end() {
    if (pid_.value <= 0) return;
    ::kill(pid_.value, SIGKILL);
    ::waitpid(pid_.value, nullptr, 0);
    pid_.value = 0;
  }
  HostPid pid() const { return pid_; }

 private:
  HostPid pid_;
};

ProcDir own() { return *ProcDir::open(HostPid{::getpid()}); }

TEST(ProcDir, ReadsAllFilesThatHaveAParser) {
  Child child;  // our own mappings would change while they are parsed
  ProcDir proc = *ProcDir::open(child.pid());
  EXPECT_EQ(proc.stat().pid, child.pid().value);
  EXPECT_EQ(proc.stat().parent(), ::getpid());
  EXPECT_EQ(proc.status().number("Pid"), static_cast<uint64_t>(child.pid().value));
  EXPECT_FALSE(proc.maps().empty());
  EXPECT_EQ(parse_smaps(proc.read("smaps")).size(), proc.maps().size());
  EXPECT_FALSE(parse_mountinfo(proc.read("mountinfo")).empty());
  EXPECT_TRUE(parse_posix_timers(proc.read("timers")).empty());
  EXPECT_EQ(parse_nul_list(proc.read("cmdline")).at(0), program_invocation_name);
}

TEST(ProcDir, MapsShowWhereAVariableOfOursLies) {
  static int variable = 0;
  uint64_t address = reinterpret_cast<uint64_t>(&variable);
  auto maps = own().maps();
  auto entry = std::ranges::find_if(maps, [&](const MapsEntry& m) { return m.start <= address && address < m.end; });
  ASSERT_NE(entry, maps.end());
  EXPECT_TRUE(entry->read && entry->write && !entry->exec && !entry->shared);
}

TEST(ProcDir, ListsDescriptorsInOrder) {
  OwnedFd fd = open("/dev/null", O_RDONLY);
  OwnedFd high(fcntl(fd.get(), F_DUPFD_CLOEXEC, 200));
  std::vector<int> fds = own().list_numbers("fd");
  EXPECT_TRUE(std::ranges::is_sorted(fds));
  EXPECT_TRUE(std::ranges::binary_search(fds, fd.get()));
  EXPECT_TRUE(std::ranges::binary_search(fds, high.get()));
  EXPECT_EQ(own().read_link(fmt::format("fd/{}", high.get())), "/dev/null");
}

TEST(ProcDir, IsEmptyForAProcessThatDoesNotExist) {
  Child child;
  HostPid pid = child.pid();
  EXPECT_TRUE(ProcDir::open(pid));
  EXPECT_TRUE(ProcDir::open(pid, pid));
  child.end();
  EXPECT_FALSE(ProcDir::open(pid));
  EXPECT_FALSE(ProcDir::open(pid, pid));
}

TEST(ProcDir, NoticesTheDeathOfItsProcess) {
  Child child;
  ProcDir proc = *ProcDir::open(child.pid());
  OwnedFd status = proc.open_file("status", O_RDONLY);
  child.end();
  EXPECT_FALSE(proc.try_read("stat"));
  EXPECT_FALSE(proc.try_read_link("exe"));
  EXPECT_FALSE(try_read_all(status.get()));
  try {
    proc.read("stat");
    FAIL() << "read of a dead process";
  } catch (const Error& error) {
    EXPECT_NE(error.text().find("stat"), std::string::npos) << error.text();
    EXPECT_NE(error.error_number(), 0);
  }
}

TEST(ProcDir, NameOfAProcessComesBackUnescaped) {
  char before[16] = {};
  ::prctl(PR_GET_NAME, before);
  for (const char* name : {"a) R 1 (b", "new\nline", "back\\slash", ") (", " "}) {
    ASSERT_EQ(::prctl(PR_SET_NAME, name), 0);
    EXPECT_EQ(ProcDir::open(HostPid{::getpid()}, HostPid{::gettid()})->stat().comm, name);
    EXPECT_EQ(own().stat().parent(), ::getppid()) << name;
  }
  ::prctl(PR_SET_NAME, before);
}

}  // namespace
}  // namespace cairn::kernel
