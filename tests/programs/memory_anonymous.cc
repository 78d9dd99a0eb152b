// mmap(2): 64 MiB of private memory with a pattern, and a hole in the middle that was never touched.
#include <sys/mman.h>

#include "program.h"

constexpr size_t kWords = (64 << 20) / 8, kHole = kWords / 2, kHoleWords = 1 << 18;

int main() {
  auto* words = must(
      static_cast<uint64_t*>(mmap(nullptr, kWords * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
      "mmap");
  const auto pattern = [](size_t i) { return i * 0x9e37'79b9'7f4a'7c15 + 1; };
  const auto in_hole = [](size_t i) { return i >= kHole && i < kHole + kHoleWords; };
  for (size_t i = 0; i < kWords; i++)
    if (!in_hole(i)) words[i] = pattern(i);
  ready_and_wait();
  for (size_t i = 0; i < kWords; i++) {
    const uint64_t expected = in_hole(i) ? 0 : pattern(i);
    if (words[i] != expected) fail("word %zu is %#lx, expected %#lx", i, words[i], expected);
  }
  pass();
}
