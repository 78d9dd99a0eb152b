// maps and smaps: real lines, hostile lines, and speed.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "kernel/calls.h"
#include "kernel/procfs.h"

namespace cairn::kernel {
namespace {

MapsEntry parse_one(std::string_view line) {
  auto entries = parse_maps(line);
  EXPECT_EQ(entries.size(), 1u);
  return entries.at(0);
}

TEST(Maps, FileMappingWithAllItsFields) {
  MapsEntry entry = parse_one("7f12a3b4c000-7f12a3b4e000 r-xp 0012f000 fd:1a 18446744073709551615   /usr/lib/x y.so\n");
  EXPECT_EQ(entry.start, 0x7f12a3b4c000u);
  EXPECT_EQ(entry.end, 0x7f12a3b4e000u);
  EXPECT_EQ(entry.size(), 0x2000u);
  EXPECT_TRUE(entry.read && !entry.write && entry.exec && !entry.shared);
  EXPECT_EQ(entry.offset, 0x12f000u);
  EXPECT_EQ(entry.device_major, 0xfdu);
  EXPECT_EQ(entry.device_minor, 0x1au);
  EXPECT_EQ(entry.inode, UINT64_MAX);
  EXPECT_EQ(entry.name, "/usr/lib/x y.so");
  EXPECT_FALSE(entry.deleted);
}

TEST(Maps, AnonymousAndSpecialMappings) {
  EXPECT_EQ(parse_one("00400000-00401000 rw-s 00000000 00:00 0 \n").name, "");
  EXPECT_TRUE(parse_one("00400000-00401000 rw-s 00000000 00:00 0").shared);
  EXPECT_EQ(parse_one("1000-2000 ---p 00000000 00:00 0    [anon:my heap (deleted)]").name, "[anon:my heap (deleted)]");
  MapsEntry vsyscall = parse_one("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0    [vsyscall]\n");
  EXPECT_EQ(vsyscall.end, 0xffffffffff601000u);
  EXPECT_EQ(vsyscall.name, "[vsyscall]");
}

TEST(Maps, DeletedFile) {
  MapsEntry entry = parse_one("1000-2000 rw-s 00000000 00:01 2056                     /memfd:x (deleted)\n");
  EXPECT_EQ(entry.name, "/memfd:x");
  EXPECT_TRUE(entry.deleted);
}

TEST(Maps, NameThatEndsInDeletedTwiceLosesItOnce) {
  EXPECT_EQ(parse_one("1000-2000 rw-s 00000000 00:01 2056  /x (deleted) (deleted)\n").name, "/x (deleted)");
}

TEST(Maps, OnlyTheNewlineIsEscapedByTheKernel) {
  EXPECT_EQ(parse_one(R"(1000-2000 r--p 00000000 00:01 2  /tmp/a\012b\134c\)").name, "/tmp/a\nb\\134c\\");
}

TEST(Maps, EmptyFileIsOfAProcessWithoutMemory) { EXPECT_TRUE(parse_maps("").empty()); }

TEST(Maps, TruncatedAndForeignLinesAreErrorsThatQuoteThem) {
  const std::string good = "7f12a3b4c000-7f12a3b4e000 r-xp 0012f000 fd:01 77";
  for (size_t length = 0; length < good.size() - 1; ++length) {
    std::string line = good.substr(0, length) + "\n";
    EXPECT_THROW(parse_maps(line), Error) << line;
  }
  for (const char* line :
       {"2000-1000 r--p 0 0:0 0", "1000-1000 r--p 0 0:0 0", "1000-2000 rwxq 0 0:0 0",
        "10000000000000000-20000000000000000 r--p 0 0:0 0", "-1-2 r--p 0 0:0 0", "1000-2000 r--p 0 100000000:0 0",
        "1000-2000 r--p 0 0:0 18446744073709551616", "1000-2000 r--p 0 0:0 12x", "0x1000-0x2000 r--p 0 0:0 0"}) {
    try {
      parse_maps(line);
      ADD_FAILURE() << line;
    } catch (const Error& error) {
      EXPECT_NE(error.text().find(line), std::string::npos) << error.text();
    }
  }
}

// A file of 4 KiB with a name of its own, mapped.
class MappedFile {
 public:
  explicit MappedFile(const std::string& name) : path_(::testing::TempDir() + name) {
    OwnedFd fd = open(path_, O_RDWR | O_CREAT | O_EXCL, 0600);
    ftruncate(fd.get(), 4096);
    address_ = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  }
  ~MappedFile() {
    ::munmap(address_, 4096);
    ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }
  MapsEntry entry() const {
    auto maps = ProcDir::open(HostPid{::getpid()})->maps();
    uint64_t start = reinterpret_cast<uint64_t>(address_);
    return *std::ranges::find(maps, start, &MapsEntry::start);
  }

 private:
  std::string path_;
  void* address_;
};

TEST(Maps, RealFilesWithHostileNames) {
  for (const char* name : {"cairn two  spaces", "cairn new\nline", "cairn back\\slash", "cairn \\134", "cairn tab\t"}) {
    MappedFile file(fmt::format("{} {}", ::getpid(), name));
    EXPECT_EQ(file.entry().name, file.path());
    EXPECT_FALSE(file.entry().deleted);
    unlink_at(AT_FDCWD, file.path());
    EXPECT_EQ(file.entry().name, file.path());
    EXPECT_TRUE(file.entry().deleted);
  }
}

TEST(Smaps, FlagsAndNumbersOfAMapping) {
  auto entries = parse_smaps(
      "00400000-00401000 r-xp 00000000 fe:00 5     /bin/x\n"
      "Size:                  4 kB\n"
      "Rss:                   8 kB\n"
      "THPeligible:           1\n"
      "ProtectionKey:         3\n"
      "NewFieldOfLinux9:      17 kB\n"
      "VmFlags: rd ex mr mw me ?? sd \n"
      "00402000-00403000 rw-p 00000000 00:00 0 \n"
      "Size:                  4 kB\n"
      "VmFlags: \n");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].mapping.name, "/bin/x");
  EXPECT_EQ(entries[0].kilobytes.at("Rss"), 8u);
  EXPECT_EQ(entries[0].kilobytes.at("THPeligible"), 1u);
  EXPECT_EQ(entries[0].kilobytes.at("ProtectionKey"), 3u);
  EXPECT_EQ(entries[0].kilobytes.at("NewFieldOfLinux9"), 17u);
  EXPECT_EQ(entries[0].flags, (std::vector<std::string>{"rd", "ex", "mr", "mw", "me", "??", "sd"}));
  EXPECT_TRUE(entries[1].flags.empty());
}

TEST(Smaps, MalformedTextIsAnError) {
  const std::string head = "00400000-00401000 r-xp 00000000 fe:00 5 /bin/x\n";
  EXPECT_TRUE(parse_smaps("").empty());
  EXPECT_THROW(parse_smaps("Size:                  4 kB\n" + head), Error);
  EXPECT_THROW(parse_smaps(head + "Size\n"), Error);
  EXPECT_THROW(parse_smaps(head + "Size: \n"), Error);
  EXPECT_THROW(parse_smaps(head + "Size: 4 MB\n"), Error);
  EXPECT_THROW(parse_smaps(head + "Size: 18446744073709551616 kB\n"), Error);
  EXPECT_THROW(parse_smaps(head + "\n"), Error);
}

TEST(Smaps, ShowsWhatMadviseSaid) {
  void* address = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_EQ(::madvise(address, 4096, MADV_DONTFORK), 0);
  auto smaps = parse_smaps(ProcDir::open(HostPid{::getpid()})->read("smaps"));
  auto found = std::ranges::find(smaps, reinterpret_cast<uint64_t>(address), [](auto& e) { return e.mapping.start; });
  ASSERT_NE(found, smaps.end());
  EXPECT_NE(std::ranges::find(found->flags, "dc"), found->flags.end());
  ::munmap(address, 4096);
}

TEST(Maps, TwentyThousandLinesTakeMilliseconds) {
  std::string text;
  for (unsigned i = 0; i < 20'000; ++i)
    text += fmt::format("{:08x}-{:08x} rw-p 00000000 fd:01 {} {:>60}\n", i * 0x2000, i * 0x2000 + 0x1000, i,
                        "/usr/lib/libx.so");
  auto best = std::chrono::nanoseconds::max();
  for (int run = 0; run < 5; ++run) {
    auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(parse_maps(text).size(), 20'000u);
    best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - begin);
  }
  std::printf("20,000 lines: %.2f ms\n", static_cast<double>(best.count()) / 1e6);
  // Far above what it takes (about 3 ms), to hold under sanitizers and load; a quadratic parser takes seconds.
  EXPECT_LT(best, std::chrono::seconds(1));
}

}  // namespace
}  // namespace cairn::kernel
