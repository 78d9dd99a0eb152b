#include <sys/mman.h>
#include <sys/syscall.h>

#include <cstring>

#include "kernel/calls.h"
#include "tracee/batch.h"
#include "tracee/end_signal.h"

namespace cairn::tracee {
namespace {

constexpr size_t kSlotSize = 64 << 10;

}  // namespace

struct SharedSpace::State {
  RemoteAddress address{0};
  size_t size = 0;
  OwnedFd memfd;
  std::byte* local = nullptr;
};

SharedSpace::SharedSpace(RemoteAddress address, size_t slots) : state_(std::make_unique<State>()) {
  CAIRN_ASSERT(address.value % kPageSize == 0);
  state_->address = address;
  state_->size = size_for(slots);
  state_->memfd = kernel::memfd("cairn", MFD_CLOEXEC, static_cast<off_t>(state_->size));
  long mapped = kernel::checked("mmap", SYS_mmap, 0, static_cast<long>(state_->size), PROT_READ | PROT_WRITE,
                                MAP_SHARED, state_->memfd.get(), 0);
  state_->local = reinterpret_cast<std::byte*>(mapped);
  // Forks of ours that outlive us shall not hold on to it; tasks map it by the descriptor.
  kernel::checked("madvise", SYS_madvise, mapped, static_cast<long>(state_->size), MADV_DONTFORK);
  // Without the magic number: these tasks die with cairn, so the page is never a left-over.
  std::memcpy(state_->local + kCodeOffset, batch_code().data(), batch_code().size());
}

SharedSpace::~SharedSpace() {
  if (state_) kernel::call("munmap", SYS_munmap, kernel::arg(state_->local), static_cast<long>(state_->size));
}

size_t SharedSpace::size_for(size_t slots) { return kPageSize + slots * kSlotSize; }
int SharedSpace::memfd() const { return state_->memfd.get(); }
size_t SharedSpace::size() const { return state_->size; }
size_t SharedSpace::code_size() const { return kPageSize; }
RemoteAddress SharedSpace::code() const { return state_->address + kCodeOffset; }
size_t SharedSpace::slot_size() const { return kSlotSize; }

RemoteAddress SharedSpace::slot_address(size_t slot) const {
  CAIRN_ASSERT(kPageSize + (slot + 1) * kSlotSize <= state_->size);
  return state_->address + kPageSize + slot * kSlotSize;
}

void SharedSpace::write_slot(Task&, size_t slot, size_t offset, std::span<const std::byte> data) {
  std::memcpy(state_->local + kPageSize + slot * kSlotSize + offset, data.data(), data.size());
}

void SharedSpace::read_slot(Task&, size_t slot, size_t offset, std::span<std::byte> data) {
  std::memcpy(data.data(), state_->local + kPageSize + slot * kSlotSize + offset, data.size());
}

// A restored task gets its handlers in the course of its batches, but we swallow the signal before they could run.
int SharedSpace::end_signal(Task&) { return any_end_signal(reserved_signals_); }

}  // namespace cairn::tracee
