// The batch mapping of a running program, from its first page to its removal. What a SIGKILL of cairn leaves behind at
// each moment:
//   while it is being mapped     nothing: the task unmaps it on its way back (TextCaller's undo)
//   while batches run            the mapping, but no task stays in it: each heals through its frame
//   while it is unmapped         nothing: the task that unmaps returns through a frame on its stack; all others have
//                                been put back before
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "base/log.h"
#include "base/scope_guard.h"
#include "kernel/calls.h"
#include "kernel/signals.h"
#include "tracee/batch.h"
#include "tracee/end_signal.h"
#include "tracee/ptrace.h"
#include "tracee/signal_frame.h"
#include "tracee/text_caller.h"

namespace cairn::tracee {
namespace {

using kernel::MapsEntry;

constexpr uint64_t kStride = 32 << 10;  // of a slot with its frame
constexpr uint64_t kAddressSpaceEnd = 0x7ffffffff000;
constexpr int kMapFixedNoReplace = 0x100000;  // MAP_FIXED_NOREPLACE, Linux 4.17
constexpr int kSetVma = 0x53564d41;           // PR_SET_VMA, Linux 5.17

uint64_t page_up(uint64_t size) { return (size + kPageSize - 1) & ~uint64_t{kPageSize - 1}; }

// The middle of the largest hole: as far as can be from what grows (heap, stack, mmap area), and merging with nothing.
RemoteAddress middle_of_largest_hole(const std::vector<MapsEntry>& maps, uint64_t size) {
  uint64_t end = 0x10000, best = 0, best_size = 0;
  auto consider = [&](uint64_t start) {
    if (start > end && start - end > best_size) {
      best_size = start - end;
      best = end + best_size / 2;
    }
  };
  for (const MapsEntry& mapping : maps) {
    if (mapping.start >= kAddressSpaceEnd) break;
    consider(mapping.start);
    end = mapping.end;
  }
  consider(kAddressSpaceEnd);
  if (best_size < 2 * size + 4 * kPageSize)
    throw Error("the address space has no hole in which the batch loop could be mapped");
  return {best & ~uint64_t{kPageSize - 1}};
}

bool is_ours(const Task& task, const MapsEntry& mapping, BatchPageHeader& header) {
  if (!mapping.exec || mapping.inode != 0) return false;
  if (!mapping.name.empty() && mapping.name != "[anon:cairn]") return false;
  iovec local = {&header, sizeof(header)}, remote = {reinterpret_cast<void*>(mapping.start), sizeof(header)};
  ssize_t size = kernel::try_process_vm_readv(task.thread(), {&local, 1}, {&remote, 1});
  return size == static_cast<ssize_t>(sizeof(header)) && header.magic == kBatchPageMagic;
}

}  // namespace

struct InjectedSpace::State {
  Task& home;  // maps and unmaps
  std::vector<MapsEntry> maps;
  ProgramText text;
  RemoteAddress base{0};
  uint64_t frame_size = 0, size = 0;
  bool mapped = false;
  std::vector<Task*> users;  // by slot
  std::map<HostPid, Dispositions> dispositions;

  RemoteAddress slot_start(size_t slot) const { return base + kPageSize + slot * kStride; }
  void check(const char* name, long result) const;
  void map(TextCaller& caller);
  void write_code() const;
  void unmap(Task& task);
  Task* living_task() const;
};

void InjectedSpace::State::check(const char* name, long result) const {
  if (result >= 0 || result < -4095) return;
  throw Error::system(fmt::format("process {}: {} for the batch loop", home.process().value, name),
                      static_cast<int>(-result));
}

// Readable and executable as a whole first, then the slots made writable: that way alone satisfies a program under
// PR_SET_MDWE (Linux 6.3), which may not make a mapping executable later.
void InjectedSpace::State::map(TextCaller& caller) {
  constexpr uint64_t kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | kMapFixedNoReplace;
  mapped = true;  // from here on it may be there, whatever we learn about the call
  long at = caller.call({SYS_mmap, {base.value, size, PROT_READ | PROT_EXEC, kFlags, ~uint64_t{0}, 0}});
  if (at < 0 && at > -4096) mapped = false;
  check("mmap", at);
  if (static_cast<uint64_t>(at) != base.value) {
    base.value = static_cast<uint64_t>(at);
    throw Error("mmap took no notice of MAP_FIXED_NOREPLACE; Linux 4.17 or newer is needed");
  }
  RemoteAddress slots = base + kPageSize;
  check("mprotect", caller.call({SYS_mprotect, {slots.value, size - kPageSize, PROT_READ | PROT_WRITE, 0, 0, 0}}));
}

void InjectedSpace::State::write_code() const {
  BatchPageHeader header;
  header.magic = kBatchPageMagic;
  header.size = size;
  std::vector<std::byte> page(kCodeOffset + batch_code().size());
  std::memcpy(page.data(), &header, sizeof(header));
  std::ranges::copy(batch_code(), page.begin() + kCodeOffset);
  home.write_memory(base, page.data(), page.size());
}

InjectedSpace::InjectedSpace(Task& task, size_t slots, const std::vector<MapsEntry>& maps)
    : state_(std::make_unique<State>(State{task, maps, {}, {}, 0, 0, false, {}, {}})) {
  task.allow_calls();
  state_->text = find_program_text(task, maps);
  state_->frame_size = (signal_frame_size(task.state()) + 63) & ~uint64_t{63};
  state_->size = page_up(kPageSize + std::max<size_t>(slots, 1) * kStride);
  state_->base = middle_of_largest_hole(maps, state_->size);
  state_->users.resize(std::max<size_t>(slots, 1));
  ScopeGuard undo([this] {
    try {
      close();
    } catch (const std::exception& error) {
      log::detail("{}", error.what());
    }
  });
  TextCaller caller(task, state_->text, maps, TextCaller::Call{SYS_munmap, {state_->base.value, state_->size}});
  state_->map(caller);
  state_->write_code();
  first_batch(left_over(task, maps));
  caller.finish();
  undo.dismiss();
}

void InjectedSpace::first_batch(const std::vector<MapsEntry>& left_over) {
  Batch batch(*this, 0, state_->home);
  RemoteAddress name = batch.put(std::string("cairn"));
  batch.try_call(SYS_prctl, kSetVma, 0, state_->base, state_->size, name);  // PR_SET_VMA_ANON_NAME
  for (const MapsEntry& mapping : left_over) batch.try_call(SYS_munmap, mapping.start, mapping.size());
  batch.flush();
}

std::vector<MapsEntry> InjectedSpace::left_over(const Task& task, const std::vector<MapsEntry>& maps) {
  std::vector<MapsEntry> found;
  BatchPageHeader header;
  uint64_t end = 0;
  for (const MapsEntry& mapping : maps) {
    if (is_ours(task, mapping, header)) end = mapping.start + header.size;
    if (mapping.end > end) continue;
    found.push_back(mapping);
  }
  return found;
}

InjectedSpace::~InjectedSpace() {
  try {
    close();
  } catch (const std::exception& error) {
    log::detail("while removing the batch loop: {}", error.what());
  }
}

Task* InjectedSpace::State::living_task() const {
  if (home.stopped()) return &home;
  auto living = std::ranges::find_if(users, [](Task* task) { return task && task->stopped(); });
  return living == users.end() ? nullptr : *living;
}

void InjectedSpace::State::unmap(Task& task) {
  TextCaller caller(task, text, maps);
  check("munmap", caller.call({SYS_munmap, {base.value, size, 0, 0, 0, 0}}));
  if (task.put_back()) caller.finish();
}

bool InjectedSpace::covers(RemoteAddress address) const {
  return address >= state_->base && address < state_->base + state_->size;
}

void InjectedSpace::close() {
  if (!state_->mapped) return;
  state_->home.put_back();
  for (Task* task : state_->users)
    if (task) task->put_back();
  if (Task* task = state_->living_task()) state_->unmap(*task);
  state_->mapped = false;
}

RemoteAddress InjectedSpace::code() const { return state_->base + kCodeOffset; }
size_t InjectedSpace::slot_size() const { return kStride - state_->frame_size; }

RemoteAddress InjectedSpace::slot_address(size_t slot) const {
  CAIRN_ASSERT(slot < state_->users.size());
  return state_->slot_start(slot) + state_->frame_size;
}

void InjectedSpace::write_slot(Task& task, size_t slot, size_t offset, std::span<const std::byte> data) {
  task.write_memory(slot_address(slot) + offset, data.data(), data.size());
}

void InjectedSpace::write_parts(Task& task, size_t slot, std::span<const Part> parts) {
  constexpr size_t kMost = 4;
  CAIRN_ASSERT(parts.size() <= kMost);
  std::array<iovec, kMost> local, remote;
  size_t size = 0;
  for (size_t n = 0; n < parts.size(); ++n) {
    size += parts[n].data.size();
    local[n] = {const_cast<std::byte*>(parts[n].data.data()), parts[n].data.size()};
    remote[n] = {reinterpret_cast<void*>(slot_address(slot).value + parts[n].offset), parts[n].data.size()};
  }
  std::span<const iovec> from(local.data(), parts.size()), to(remote.data(), parts.size());
  ssize_t written = kernel::try_process_vm_writev(task.thread(), from, to);
  if (written != static_cast<ssize_t>(size)) BatchSpace::write_parts(task, slot, parts);
}

void InjectedSpace::read_slot(Task& task, size_t slot, size_t offset, std::span<std::byte> data) {
  task.read_memory(slot_address(slot) + offset, data.data(), data.size());
}

RemoteAddress InjectedSpace::prepare_frame(Task& task, size_t slot) {
  RemoteAddress frame = state_->slot_start(slot);
  Task*& user = state_->users.at(slot);
  if (user != &task) {
    if (user) user->put_back();  // it still stands beside the frame that we are about to replace
    std::vector<std::byte> bytes = signal_frame(frame, {0}, task.state());
    CAIRN_ASSERT(bytes.size() <= state_->frame_size);
    task.write_memory(frame, bytes.data(), bytes.size());
    user = &task;
  }
  return frame + sizeof(uint64_t);
}

int InjectedSpace::end_signal(Task& task) {
  auto [known, is_new] = state_->dispositions.try_emplace(task.process());
  if (is_new) {
    auto proc = kernel::ProcDir::open(task.process(), task.thread());
    if (!proc) task.fail_as_dead();
    known->second = read_dispositions(proc->status());
  }
  uint64_t pending = 0;
  for (const siginfo_t& info : task.pending_signals(false)) pending |= kernel::signal_bit(info.si_signo);
  Dispositions usable = known->second;
  usable.caught |= reserved_signals_;
  return harmless_end_signal(usable, task.state().signal_mask, pending);
}

}  // namespace cairn::tracee
