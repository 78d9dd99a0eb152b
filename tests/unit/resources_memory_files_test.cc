// Files without a name: memfds, anonymous shared memory, unlinked files. Content, holes, seals and kinship come back.
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "kernel/constants.h"
#include "resources_round_trip.h"

namespace cairn::resources {
namespace {

std::string link_of(int fd) { return kernel::read_link_at(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd)); }
void put(int fd, const std::string& text, off_t at) { kernel::pwrite_all(fd, text.data(), text.size(), at); }
std::string get(int fd, size_t size, off_t at) {
  std::string text(size, '\0');
  ssize_t count = ::pread(fd, text.data(), size, at);
  text.resize(count < 0 ? 0 : static_cast<size_t>(count));
  return text;
}
OwnedFd reopen(int fd, int flags) { return kernel::open(fmt::format("/proc/self/fd/{}", fd), flags); }
bool mentions(const std::vector<std::string>& obstacles, const std::string& text) {
  for (const std::string& one : obstacles) {
    if (one.find(text) != std::string::npos) return true;
  }
  return false;
}

TEST(Memfds, KeepNameSizeHolesModeAndPosition) {
  OwnedFd fd = kernel::memfd("a name (deleted)", 0, 0x1'0000'3000);
  put(fd.get(), "high", 0x1'0000'2ffc);
  put(fd.get(), "low", 5000);
  kernel::seek(fd.get(), 0x1'0000'0001, SEEK_SET);
  ASSERT_EQ(::fchmod(fd.get(), 0705), 0);
  OwnedFd reader = reopen(fd.get(), O_RDONLY);
  auto made = round_trip({fd.get(), reader.get()});
  EXPECT_EQ(kernel::seek(fd.get(), 0, SEEK_CUR), 0x1'0000'0001);  // describing and capturing moved nothing
  EXPECT_EQ(kernel::seek(made[0].get(), 0, SEEK_CUR), 0x1'0000'0001);
  EXPECT_EQ(kernel::seek(made[1].get(), 0, SEEK_CUR), 0);
  EXPECT_EQ(link_of(made[0].get()), "/memfd:a name (deleted) (deleted)");
  EXPECT_EQ(::fcntl(made[0].get(), F_GETFL), ::fcntl(fd.get(), F_GETFL));
  EXPECT_EQ(::fcntl(made[1].get(), F_GETFL), ::fcntl(reader.get(), F_GETFL));
  struct stat stat = kernel::fstat(made[0].get());
  EXPECT_EQ(stat.st_size, 0x1'0000'3000);
  EXPECT_EQ(stat.st_mode & 07777, 0705u);
  EXPECT_LE(stat.st_blocks, 32);
  EXPECT_EQ(get(made[0].get(), 4, 0x1'0000'2ffc), "high");
  put(made[0].get(), "LOW", 5000);
  EXPECT_EQ(get(made[1].get(), 3, 5000), "LOW");
}

TEST(Memfds, KeepSeals) {
  std::vector<OwnedFd> fds;
  fds.push_back(kernel::memfd("all", MFD_ALLOW_SEALING, 10));
  ASSERT_EQ(::fcntl(fds[0].get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL), 0);
  fds.push_back(kernel::memfd("none", MFD_ALLOW_SEALING, 10));
  fds.push_back(kernel::memfd("not sealable", 0, 10));
  fds.push_back(kernel::memfd("not executable", kernel::kMemfdNoexecSeal, 10));
  fds.push_back(kernel::memfd("future", MFD_ALLOW_SEALING, 10));
  ASSERT_EQ(::fcntl(fds[4].get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
  std::vector<int> old;
  for (const OwnedFd& fd : fds) old.push_back(fd.get());
  auto made = round_trip(old);
  for (size_t i = 0; i < old.size(); i++) {
    EXPECT_EQ(::fcntl(made[i].get(), F_GET_SEALS), ::fcntl(old[i], F_GET_SEALS)) << i;
    EXPECT_EQ(kernel::fstat(made[i].get()).st_mode, kernel::fstat(old[i]).st_mode) << i;
  }
}

TEST(AnonymousSharedMemory, ComesBackAsWhatItWas) {
  if (::geteuid() != 0) GTEST_SKIP() << "map_files needs CAP_CHECKPOINT_RESTORE";
  constexpr size_t kSize = 5 << 20;
  void* memory = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto start = reinterpret_cast<uint64_t>(memory);
  std::string path = fmt::format("/proc/self/map_files/{:x}-{:x}", start, start + kSize);
  std::string text(2 << 20, 't');
  memcpy(static_cast<char*>(memory) + (1 << 20), text.data(), text.size());
  Described described;
  RecordId id = described.description_of(kernel::open(path, O_RDONLY), {::getpid()}, O_RDWR | 0100000);
  described.run_judgements();
  ASSERT_EQ(described.obstacles, std::vector<std::string>{});
  Captured captured(described);
  Restored restored(described.records(), &*captured.reader);
  EXPECT_EQ(link_of(restored.fd(id)), "/dev/zero (deleted)");
  EXPECT_EQ(kernel::fstat(restored.fd(id)).st_size, off_t{kSize});
  EXPECT_EQ(get(restored.fd(id), text.size(), 1 << 20), text);
  put(restored.fd(id), "new", 0);
  EXPECT_EQ(static_cast<char*>(memory)[0], '\0');
  ::munmap(memory, kSize);
}

TEST(NamelessFiles, KeepContentAttributesAndLink) {
  ScratchDirectory scratch;
  OwnedFd fd = kernel::open("gone", O_RDWR | O_CREAT | O_APPEND, 0600), other = kernel::open("gone", O_RDONLY);
  put(fd.get(), "content", 0);
  kernel::ftruncate(fd.get(), 100'000);
  ASSERT_EQ(::fchmod(fd.get(), 0604), 0);
  const timespec times[] = {{1'000'000'000, 5}, {0x1'0000'0000, 7}};
  ASSERT_EQ(::futimens(fd.get(), times), 0);
  kernel::unlink_at(AT_FDCWD, "gone");
  kernel::seek(other.get(), 3, SEEK_SET);
  auto made = round_trip({fd.get(), other.get()});
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
  struct stat before = kernel::fstat(fd.get()), after = kernel::fstat(made[0].get());
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(after.st_nlink, 0u);
  EXPECT_EQ(after.st_size, 100'000);
  EXPECT_EQ(after.st_blocks, before.st_blocks);
  EXPECT_EQ(after.st_mtim.tv_sec, 0x1'0000'0000);
  EXPECT_EQ(after.st_mtim.tv_nsec, 7);
  EXPECT_EQ(after.st_atim.tv_sec, 1'000'000'000);
  EXPECT_EQ(link_of(made[0].get()), scratch.path() + "/gone (deleted)");
  EXPECT_EQ(::fcntl(made[0].get(), F_GETFL), ::fcntl(fd.get(), F_GETFL));
  EXPECT_EQ(kernel::seek(made[1].get(), 0, SEEK_CUR), 3);
  EXPECT_EQ(get(made[1].get(), 7, 0), "content");
  kernel::write_all(made[0].get(), "!", 1);
  EXPECT_EQ(get(made[1].get(), 1, 100'000), "!");
}

TEST(NamelessFiles, TheirNameMayBeTakenMeanwhile) {
  ScratchDirectory scratch;
  OwnedFd fd = kernel::open("gone", O_RDWR | O_CREAT, 0600);
  put(fd.get(), "old", 0);
  kernel::unlink_at(AT_FDCWD, "gone");
  OwnedFd follower = kernel::open("gone", O_RDWR | O_CREAT, 0600);
  put(follower.get(), "new", 0);
  auto made = round_trip({fd.get(), follower.get()});
  EXPECT_EQ(get(made[0].get(), 10, 0), "old");
  EXPECT_EQ(get(made[1].get(), 10, 0), "new");
  EXPECT_EQ(kernel::fstat(made[0].get()).st_nlink, 0u);
}

TEST(NamelessFiles, WithoutANameFromTheBeginningTheyCanStillGetOne) {
  ScratchDirectory scratch;
  OwnedFd fd = kernel::open(".", O_TMPFILE | O_WRONLY | O_APPEND, 0600), reader = reopen(fd.get(), O_RDONLY);
  put(fd.get(), std::string(3 << 20, 'n'), 0);
  auto made = round_trip({reader.get(), fd.get()});
  EXPECT_EQ(::fcntl(made[1].get(), F_GETFL), ::fcntl(fd.get(), F_GETFL));
  EXPECT_EQ(get(made[0].get(), 4 << 20, 0), std::string(3 << 20, 'n'));
  std::string path = fmt::format("/proc/self/fd/{}", made[1].get());
  EXPECT_EQ(::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, "named", AT_SYMLINK_FOLLOW), 0);
}

TEST(NamelessFiles, OnTmpfsToo) {
  std::string path = fmt::format("/dev/shm/cairn-test-{}", ::getpid());
  OwnedFd fd = kernel::open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  put(fd.get(), "memory", 1 << 20);
  kernel::unlink_at(AT_FDCWD, path);
  auto made = round_trip({fd.get()});
  EXPECT_EQ(link_of(made[0].get()), path + " (deleted)");
  EXPECT_EQ(get(made[0].get(), 6, 1 << 20), "memory");
}

TEST(NamelessFiles, AProgramOfTheirsCanBeExecuted) {
  ScratchDirectory scratch;
  std::filesystem::copy_file("/bin/true", "program");
  OwnedFd fd = kernel::open("program", O_RDONLY);
  kernel::unlink_at(AT_FDCWD, "program");
  auto made = round_trip({fd.get()});
  std::string path = fmt::format("/proc/{}/fd/{}", ::getpid(), made[0].get());
  EXPECT_EQ(::system(path.c_str()), 0);  // ETXTBSY if a writer were left
}

TEST(NamelessFiles, OneOfTwoNamesCanBeGone) {
  ScratchDirectory scratch;
  OwnedFd linked = kernel::open("one", O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(::link("one", "two"), 0);
  kernel::unlink_at(AT_FDCWD, "one");
  auto made = round_trip({linked.get()});
  EXPECT_EQ(link_of(made[0].get()), scratch.path() + "/one (deleted)");
  EXPECT_EQ(kernel::fstat(made[0].get()).st_ino, kernel::fstat(linked.get()).st_ino);
  EXPECT_EQ(kernel::fstat(made[0].get()).st_nlink, 1u);
  EXPECT_FALSE(std::filesystem::exists("one"));
}

TEST(NamelessFiles, WhatCanNotComeBackIsRefused) {
  ScratchDirectory scratch;
  kernel::make_directory("directory", 0700);
  OwnedFd orphan = kernel::open("directory/gone", O_RDWR | O_CREAT, 0600);
  std::filesystem::remove_all("directory");
  EXPECT_TRUE(mentions(obstacles_of({orphan.get()}), "and its directory were removed"));
  OwnedFd linked = kernel::open("one", O_RDWR | O_CREAT, 0600);
  kernel::make_directory("other", 0700);
  ASSERT_EQ(::link("one", "other/two"), 0);
  kernel::unlink_at(AT_FDCWD, "one");
  EXPECT_TRUE(mentions(obstacles_of({linked.get()}), "its other name is in another directory"));
  kernel::unlink_at(AT_FDCWD, "other/two");
  EXPECT_EQ(obstacles_of({linked.get()}), std::vector<std::string>{});
  ASSERT_EQ(::flock(linked.get(), LOCK_EX), 0);
  Described described;
  described.describe(linked.get());
  EXPECT_EQ(described.locked().size(), 1u);
}

}  // namespace
}  // namespace cairn::resources
