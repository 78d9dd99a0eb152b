// populated_pages against mappings of our own whose pages we know, by both ways of asking.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/calls.h"
#include "kernel/pagemap.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102  // Linux 6.13
#endif

namespace cairn::kernel {
namespace {

constexpr size_t kPage = 4096;

// A mapping of `pages` pages; never with huge pages, so that one touched page is one page.
class Mapping {
 public:
  Mapping(size_t pages, int flags, int fd = -1, int protection = PROT_READ | PROT_WRITE) : size_(pages * kPage) {
    base_ = static_cast<char*>(::mmap(nullptr, size_, protection, flags, fd, 0));
    EXPECT_NE(base_, MAP_FAILED);
    ::madvise(base_, size_, MADV_NOHUGEPAGE);
    ::madvise(base_, size_, MADV_RANDOM);  // no pages of a file mapped around the one that was touched
  }
  ~Mapping() { ::munmap(base_, size_); }
  char* page(size_t index) const { return base_ + index * kPage; }
  uint64_t address(size_t index = 0) const { return reinterpret_cast<uint64_t>(page(index)); }
  uint64_t end() const { return address() + size_; }
  void write(size_t index) const { *static_cast<volatile char*>(page(index)) = 1; }
  void read(size_t index) const { [[maybe_unused]] char value = *static_cast<volatile char*>(page(index)); }
  PageRange range(size_t first, size_t end, bool file = false) const { return {address(first), address(end), file}; }

 private:
  size_t size_;
  char* base_;
};

class Pagemap : public ::testing::TestWithParam<PagemapSource> {
 protected:
  void SetUp() override {
    if (GetParam() != PagemapSource::kScan) return;
    try {
      populated_pages(pagemap_.get(), kPage, 2 * kPage, PagemapSource::kScan);
    } catch (const Error& error) {
      GTEST_SKIP() << error.text();
    }
  }
  std::vector<PageRange> populated(uint64_t start, uint64_t end) const {
    return populated_pages(pagemap_.get(), start, end, GetParam());
  }
  std::vector<PageRange> populated(const Mapping& mapping) const { return populated(mapping.address(), mapping.end()); }
  // The plain pagemap shows the zero page by its frame, which not everybody may see.
  bool shows_zero_pages() const {
    Mapping probe(1, MAP_PRIVATE | MAP_ANONYMOUS);
    probe.write(0);
    return GetParam() != PagemapSource::kPlain || pagemap_frame(pagemap_entries(pagemap_.get(), probe.address(), 1)[0]);
  }
  OwnedFd pagemap_ = open("/proc/self/pagemap", O_RDONLY);
};

using Ranges = std::vector<PageRange>;

TEST_P(Pagemap, WrittenPagesBetweenHoles) {
  Mapping mapping(16, MAP_PRIVATE | MAP_ANONYMOUS);
  EXPECT_EQ(populated(mapping), Ranges{});
  for (size_t index : {0, 3, 4, 5, 15}) mapping.write(index);
  EXPECT_EQ(populated(mapping), (Ranges{mapping.range(0, 1), mapping.range(3, 6), mapping.range(15, 16)}));
  EXPECT_EQ(populated(mapping.address(4), mapping.address(5)), Ranges{mapping.range(4, 5)});
  EXPECT_EQ(populated(mapping.address(6), mapping.address(15)), Ranges{});
  EXPECT_EQ(populated(mapping.address(3), mapping.address(3)), Ranges{});
}

TEST_P(Pagemap, DroppedPagesAreHolesAgain) {
  Mapping mapping(4, MAP_PRIVATE | MAP_ANONYMOUS);
  for (size_t index : {0, 1, 2, 3}) mapping.write(index);
  ASSERT_EQ(::madvise(mapping.page(1), kPage, MADV_DONTNEED), 0);
  EXPECT_EQ(populated(mapping), (Ranges{mapping.range(0, 1), mapping.range(2, 4)}));
}

TEST_P(Pagemap, ZeroPagesAreNotPopulated) {
  if (!shows_zero_pages()) GTEST_SKIP() << "page frames are hidden here";
  Mapping mapping(4, MAP_PRIVATE | MAP_ANONYMOUS);
  for (size_t index : {0, 1, 2, 3}) mapping.read(index);
  EXPECT_EQ(populated(mapping), Ranges{});
  mapping.write(2);
  EXPECT_EQ(populated(mapping), Ranges{mapping.range(2, 3)});
}

TEST_P(Pagemap, CopiedPageOfAPrivateFileMappingIsNoLongerTheFiles) {
  OwnedFd file = memfd("file", 0, 8 * kPage);
  for (size_t i = 0; i < 8; ++i) pwrite_all(file.get(), "x", 1, static_cast<off_t>(i * kPage));
  Mapping mapping(8, MAP_PRIVATE, file.get());
  for (size_t index = 0; index < 8; ++index) mapping.read(index);
  mapping.write(3);
  EXPECT_EQ(populated(mapping), (Ranges{mapping.range(0, 3, true), mapping.range(3, 4), mapping.range(4, 8, true)}));
}

TEST_P(Pagemap, SharedMemoryBelongsToItsFile) {
  Mapping mapping(4, MAP_SHARED | MAP_ANONYMOUS);
  mapping.write(1);
  EXPECT_EQ(populated(mapping), Ranges{mapping.range(1, 2, true)});
}

TEST_P(Pagemap, ProtectedPagesStayPopulated) {
  Mapping mapping(4, MAP_PRIVATE | MAP_ANONYMOUS);
  mapping.write(2);
  ASSERT_EQ(::mprotect(mapping.page(0), 4 * kPage, PROT_NONE), 0);
  EXPECT_EQ(populated(mapping), Ranges{mapping.range(2, 3)});
}

TEST_P(Pagemap, MoreRegionsThanFitInOneScan) {
  // Every other page of 10,000: five buffers of the ioctl, many of its internal passes.
  constexpr size_t kPages = 10'000;
  Mapping mapping(kPages, MAP_PRIVATE | MAP_ANONYMOUS);
  Ranges expected;
  for (size_t index = 0; index < kPages; index += 2) {
    mapping.write(index);
    expected.push_back(mapping.range(index, index + 1));
  }
  EXPECT_EQ(populated(mapping), expected);
}

TEST_P(Pagemap, ExactlyOneBufferOfRegions) {
  for (size_t regions : {511, 512, 513, 2047, 2048, 2049, 4096}) {
    Mapping mapping(2 * regions + 7, MAP_PRIVATE | MAP_ANONYMOUS);
    Ranges expected;
    for (size_t index = 0; index < 2 * regions; index += 2) {
      mapping.write(index);
      expected.push_back(mapping.range(index, index + 1));
    }
    EXPECT_EQ(populated(mapping), expected) << regions;
  }
}

TEST_P(Pagemap, SparseMapping) {
  constexpr size_t kPages = size_t{1} << 18;  // 1 GiB
  Mapping mapping(kPages, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
  mapping.write(1);
  mapping.write(kPages / 2);
  mapping.write(kPages - 1);
  EXPECT_EQ(populated(mapping), (Ranges{mapping.range(1, 2), mapping.range(kPages / 2, kPages / 2 + 1),
                                        mapping.range(kPages - 1, kPages)}));
}

TEST_P(Pagemap, PagesOfNeighbouringMappingsAreMerged) {
  Mapping mapping(4, MAP_PRIVATE | MAP_ANONYMOUS);
  for (size_t index : {0, 1, 2, 3}) mapping.write(index);
  ASSERT_EQ(::mprotect(mapping.page(2), kPage, PROT_READ), 0);
  EXPECT_EQ(populated(mapping), Ranges{mapping.range(0, 4)});
}

TEST_P(Pagemap, NothingIsWhereNothingIsMapped) {
  EXPECT_EQ(populated(0, kPage), Ranges{});
  EXPECT_EQ(populated(0xffffffffff600000, 0xffffffffff601000), Ranges{});  // [vsyscall]
  EXPECT_EQ(populated(0x7fffffffe000, 0x7ffffffff000), Ranges{});          // the last page of a process
}

TEST_P(Pagemap, GuardPagesHoldNothing) {
  Mapping mapping(6, MAP_PRIVATE | MAP_ANONYMOUS);
  mapping.write(0);
  mapping.write(5);
  if (::madvise(mapping.page(2), 2 * kPage, MADV_GUARD_INSTALL) != 0) GTEST_SKIP() << "no guard pages (Linux 6.13)";
  auto guards = guard_pages(pagemap_.get(), mapping.address(), mapping.end());
  if (!guards) GTEST_SKIP() << "guard pages are not shown (Linux 6.15)";
  EXPECT_EQ(*guards, Ranges{mapping.range(2, 4)});
  EXPECT_EQ(populated(mapping), (Ranges{mapping.range(0, 1), mapping.range(5, 6)}));
}

TEST(PagemapEntries, ExclusiveUntilAForkSharesThePage) {
  Mapping mapping(2, MAP_PRIVATE | MAP_ANONYMOUS);
  mapping.write(0);
  OwnedFd pagemap = open("/proc/self/pagemap", O_RDONLY);
  auto entries = pagemap_entries(pagemap.get(), mapping.address(), 2);
  EXPECT_TRUE(pagemap_present(entries[0]) && pagemap_exclusive(entries[0]) && !pagemap_file(entries[0]));
  EXPECT_EQ(entries[1], 0u);
}

TEST(PagemapEntries, PastTheLastAddressThereIsNothing) {
  OwnedFd pagemap = open("/proc/self/pagemap", O_RDONLY);
  EXPECT_EQ(pagemap_entries(pagemap.get(), 0x7ffffffff000, 100), std::vector<uint64_t>(100));
}

INSTANTIATE_TEST_SUITE_P(Sources, Pagemap, ::testing::Values(PagemapSource::kScan, PagemapSource::kPlain),
                         [](const auto& source) { return source.param == PagemapSource::kScan ? "Scan" : "Plain"; });

}  // namespace
}  // namespace cairn::kernel
