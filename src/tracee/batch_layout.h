// What lies where in a batch page and in a slot: the contract between the batch loop (arch/x86_64/stub.S) and us.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace cairn::tracee {

constexpr size_t kPageSize = 4096;

struct SlotHeader {
  uint32_t count = 0;  // entries of this batch
  uint32_t left = 0;   // out: entries not done, the failing one included
  uint32_t go_on = 0;  // another batch follows when the task is set going at the end of one; the loop clears it
  uint32_t reserved0 = 0;
  uint32_t signal = 0;  // S, or 0
  uint32_t reserved1 = 0;
  uint64_t frame = 0;  // stack pointer for rt_sigreturn, or 0: the task dies with its tracer
  uint64_t mask = 0;   // blocked during the batch: everything but S
  uint64_t reserved2[3] = {};
};
static_assert(sizeof(SlotHeader) == 64);

struct SlotEntry {
  uint32_t number = 0;
  uint32_t flags = 0;
  std::array<uint64_t, 6> args{};
  int64_t result = 0;
};
static_assert(sizeof(SlotEntry) == 64);

constexpr uint32_t kMoveNumber = ~uint32_t{0};  // args: offset in the slot to read from, offset to write to
constexpr uint32_t kMayFail = 1;
constexpr uint32_t kForksAway = 2;  // a clone(2) whose child ends by itself

// The first page of a batch mapping opens with this, so that a later cairn recognises what a killed one left behind
// (the name [anon:cairn] needs CONFIG_ANON_VMA_NAME).
struct BatchPageHeader {
  std::array<char, 16> magic{};
  uint64_t size = 0;  // of the whole mapping, code and slots
  uint64_t reserved[5] = {};
};
static_assert(sizeof(BatchPageHeader) == 64);
constexpr std::array<char, 16> kBatchPageMagic = {'c', 'a', 'i', 'r', 'n', ' ', 'b', 'a',
                                                  't', 'c', 'h', ' ', 'p', 'a', 'g', 'e'};
constexpr size_t kCodeOffset = sizeof(BatchPageHeader);  // of the loop's first instruction in the page

// Header and code, as they shall stand at the start of the first page.
std::span<const std::byte> batch_code();
size_t stepped_end_offset();    // from the loop's first instruction: behind the end's gettid
size_t signalled_end_offset();  // behind the end's tkill

}  // namespace cairn::tracee
