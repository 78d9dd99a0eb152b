#include "tracee/batch.h"

#include <sched.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <exception>
#include <optional>
#include <thread>

#include "tracee/call_names.h"
#include "tracee/ptrace.h"

namespace cairn::tracee {
namespace {

constexpr auto kBatchTime = std::chrono::seconds(60);  // no call of a batch blocks; only a machine in trouble needs it
constexpr auto kIdTime = std::chrono::seconds(5);
constexpr auto kIdPause = std::chrono::milliseconds(1);
constexpr size_t kArenaAlignment = 16;
constexpr size_t kArgumentsOffset = offsetof(SlotEntry, args), kResultOffset = offsetof(SlotEntry, result);

size_t entry_offset(size_t index) { return sizeof(SlotHeader) + index * sizeof(SlotEntry); }

template <typename T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

// The signal that a call queues, or 0.
int queued_signal(long number, const std::array<uint64_t, 6>& args) {
  switch (number) {
    case SYS_kill:
    case SYS_tkill:
    case SYS_rt_sigqueueinfo:
      return static_cast<int>(args[1]);
    case SYS_tgkill:
    case SYS_rt_tgsigqueueinfo:
      return static_cast<int>(args[2]);
    default:
      return 0;
  }
}

// clone3(2) with an id that is taken. It may be about to be free: since Linux 6.15 (release_task) a thread that exits
// gives its id back a little after its process could be waited for, so that of a tree that was killed just now may come
// late.
bool lacks_an_id(const std::vector<SlotEntry>& entries, size_t done) {
  return done < entries.size() && entries[done].number == SYS_clone3 && entries[done].result == -EEXIST;
}

// What is done becomes moves of a word to where it is; the results stay in their places.
void pass_over(std::span<SlotEntry> done) {
  for (size_t n = 0; n < done.size(); ++n) {
    done[n].number = kMoveNumber;
    done[n].args[0] = done[n].args[1] = entry_offset(n) + kResultOffset;
  }
}

}  // namespace

long Pending::value() const { return batch_->result(round_, index_); }

std::byte* Batch::Arena::grow(size_t size) {
  if (used_ + size > buffer_.size()) {
    std::vector<std::byte> larger(std::max(buffer_.size() * 2, used_ + size));
    std::ranges::copy(bytes(), larger.end() - static_cast<ptrdiff_t>(used_));
    buffer_ = std::move(larger);
  }
  used_ += size;
  return bytes().data();
}

Batch::Batch(BatchSpace& space, size_t slot, Task& task) : space_(space), slot_(slot), task_(task), rounds_(1) {}

bool Batch::fits(size_t calls, size_t bytes) const {
  const Round& round = rounds_[round_];
  constexpr size_t kMovesAtMost = 2;  // entries for forwarded arguments of each further call
  size_t entries = round.entries.size() + calls * (1 + kMovesAtMost);
  return entry_offset(entries) + round.arena.size() + bytes + kArenaAlignment <= space_.slot_size();
}

size_t Batch::reserve(size_t size) {
  size_t rounded = (size + kArenaAlignment - 1) & ~(kArenaAlignment - 1);
  collecting().arena.grow(rounded);
  size_t offset = space_.slot_size() - collecting().arena.size();
  CAIRN_ASSERT(collecting().arena.size() <= space_.slot_size());
  CAIRN_ASSERT(offset >= entry_offset(collecting().entries.size()));
  return offset;
}

size_t Batch::reserve_output(size_t size) {
  collecting().has_outputs = true;
  return reserve(size);
}

RemoteAddress Batch::put(const void* data, size_t size) {
  size_t offset = reserve(size);
  std::memcpy(collecting().arena.bytes().data(), data, size);
  return space_.slot_address(slot_) + offset;
}

Batch::Buffer Batch::buffer(size_t size) {
  size_t offset = reserve_output(size);
  return {space_.slot_address(slot_) + offset, offset, size, round_};
}

std::vector<std::byte> Batch::bytes(const Buffer& buffer) const {
  auto found = flushed_bytes(buffer.round, buffer.offset, buffer.size);
  return {found.begin(), found.end()};
}

// A result is moved into the argument by an entry of its own, just before the call.
void Batch::forward(const Pending& result, size_t argument_offset) {
  CAIRN_ASSERT(result.batch_ == this && result.round_ == round_);
  SlotEntry move;
  move.number = kMoveNumber;
  move.args[0] = entry_offset(result.index_) + kResultOffset;
  move.args[1] = argument_offset;
  collecting().entries.push_back(move);
}

Pending Batch::add(long number, std::vector<Arg> args, uint32_t flags) {
  CAIRN_ASSERT(args.size() <= 6);
  std::vector<SlotEntry>& entries = collecting().entries;
  size_t forwards = static_cast<size_t>(std::ranges::count_if(args, [](const Arg& arg) { return arg.forward; }));
  size_t index = entries.size() + forwards;
  CAIRN_ASSERT(entry_offset(index + 1) + collecting().arena.size() <= space_.slot_size());
  SlotEntry entry;
  entry.number = static_cast<uint32_t>(number);
  entry.flags = flags;
  for (size_t n = 0; n < args.size(); ++n) {
    entry.args[n] = args[n].value;
    if (args[n].forward) forward(*args[n].forward, entry_offset(index) + kArgumentsOffset + n * sizeof(uint64_t));
  }
  entries.push_back(entry);
  if (int signal = queued_signal(number, entry.args); signal != 0) space_.reserve_signal(signal);
  return {this, round_, index};
}

// The child shares the memory, so that this is copied once and not twice; and the descriptor table until it has one of
// its own, so that nothing is closed or kept open by it. A clone that fails ends the batch: nothing is waited for then.
void Batch::fork_away(OnBirth on_birth) {
  on_birth_ = std::move(on_birth);
  Pending child = add(SYS_clone, {Arg(CLONE_VM | CLONE_FILES), Arg(0), Arg(0), Arg(0), Arg(0)}, kForksAway);
  call(SYS_waitid, P_PID, child, 0, WEXITED | __WALL, 0);
}

const Batch::Round& Batch::flushed(size_t round) const {
  CAIRN_ASSERT(rounds_[round].flushed);  // else: read before the flush
  return rounds_[round];
}

std::span<const std::byte> Batch::flushed_bytes(size_t round, size_t offset, size_t size) const {
  std::span<const std::byte> bytes = flushed(round).arena.bytes();
  return bytes.subspan(bytes.size() - (space_.slot_size() - offset), size);
}

long Batch::result(size_t round, size_t index) const {
  CAIRN_ASSERT(index < flushed(round).done);  // else: the batch failed before this call
  return flushed(round).entries[index].result;
}

// The header comes last: it makes the batch valid.
void Batch::write_slot(bool goes_on) {
  const Round& round = collecting();
  SlotHeader header;
  header.count = static_cast<uint32_t>(round.entries.size());
  header.go_on = goes_on ? 1 : 0;
  header.signal = static_cast<uint32_t>(task_.batch_signal_);
  header.frame = space_.prepare_frame(task_, slot_).value;
  header.mask = task_.batch_signal_ == 0 ? ~uint64_t{0} : ~kernel::signal_bit(task_.batch_signal_);
  const BatchSpace::Part parts[] = {{space_.slot_size() - round.arena.size(), round.arena.bytes()},
                                    {sizeof(SlotHeader), bytes_of(round.entries)},
                                    {0, std::as_bytes(std::span(&header, 1))}};
  space_.write_parts(task_, slot_, std::span(parts).subspan(round.arena.size() == 0 ? 1 : 0));
  if (goes_on) return;
  user_regs_struct registers = task_.state().registers;
  registers.rip = space_.code().value;
  registers.r15 = space_.slot_address(slot_).value;
  registers.orig_rax = ~0ull;  // else the kernel "restarts" an interrupted call on top of these
  task_.take(registers, header.mask);
}

void Batch::start() {
  bool goes_on = task_.batch_end_of_ == space_.slot_address(slot_);
  if (!goes_on && space_.heals()) task_.allow_calls();
  task_.state();
  if (!goes_on || space_.is_reserved(task_.batch_signal_)) task_.batch_signal_ = space_.end_signal(task_);
  write_slot(goes_on);
  send_off();
}

void Batch::send_off() {
  if (task_.batch_signal_ == 0)
    task_.go_to_syscall();
  else
    task_.go_on();
  task_.batch_end_of_ = {0};
  sent_off_ = true;
}

void Batch::judge_signal(int signal) {
  uint64_t bit = kernel::signal_bit(signal);
  bool of_outsider = signal == task_.batch_signal_ || signal == SIGSTOP;
  // Where the task would have ignored it at once it is forgotten.
  if (signal == SIGSTOP || (signal == task_.batch_signal_ && (task_.state().signal_mask & bit) != 0))
    task_.keep_signal(signal);
  if (of_outsider) return;
  throw Error(fmt::format("{}: signal {} ({}) in the middle of a batch", task_.name(), signal, sigabbrev_np(signal)));
}

// The task stands still meanwhile, and goes on whatever comes of it. It would wait for ever for a child that we hold
// without knowing it, so its id is asked for twice.
void Batch::tell_birth(int status) {
  if (status >> 16 != PTRACE_EVENT_CLONE || !on_birth_) return;
  try {
    std::optional<uint64_t> child;
    try {
      child = ptrace::event_message(task_.thread());
    } catch (const Error&) {
      child = ptrace::event_message(task_.thread());
    }
    if (!child) task_.fail_as_dead();
    on_birth_({static_cast<pid_t>(*child)});
  } catch (...) {
    birth_failure_ = std::current_exception();
  }
}

bool Batch::stands_at_end() const {
  uint64_t code = space_.code().value;
  auto ip = ptrace::peek_register(task_.thread(), offsetof(user_regs_struct, rip));
  if (!ip) task_.fail_as_dead();
  if (task_.batch_signal_ != 0) return *ip == code + signalled_end_offset();
  return *ip == code + stepped_end_offset() && ptrace::event_message(task_.thread()) == ptrace::kAtExit;
}

// A task that has been stopped inside of a call would get this call's result whatever registers were put back.
void Batch::finish_anyway() {
  RemoteAddress slot = space_.slot_address(slot_);
  if (!sent_off_ || task_.batch_end_of_ == slot) return;
  if (!task_.stopped_) return finish();
  if (stands_at_end()) {
    task_.batch_end_of_ = slot;
    return;
  }
  send_off();
  finish();
}

// Judges a stop: is it the end? Group stops are reported again when a stopped task is set going; they change nothing.
bool Batch::is_end(int status) {
  int signal = WSTOPSIG(status);
  if (status >> 16 != 0) {
    tell_birth(status);
    return false;
  }
  bool is_step = signal == (SIGTRAP | ptrace::kSyscallStop);
  if ((is_step || signal == task_.batch_signal_) && stands_at_end()) return true;
  if (!is_step) judge_signal(signal);
  return false;
}

void Batch::finish() {
  Deadline deadline = Clock::now() + kBatchTime, patience = Clock::now() + kIdTime;
  while (true) {
    while (!is_end(task_.next_stop(deadline))) send_off();
    task_.batch_end_of_ = space_.slot_address(slot_);
    read_slot();
    Round& round = collecting();
    if (!lacks_an_id(round.entries, round.done) || Clock::now() > patience) break;
    std::this_thread::sleep_for(kIdPause);
    pass_over(std::span(round.entries).first(round.done));
    start();
  }
  collecting().flushed = true;
  rounds_.emplace_back();
  ++round_;
  check();
}

void Batch::read_slot() {
  Round& round = collecting();
  std::vector<std::byte> bytes(entry_offset(round.entries.size()));
  space_.read_slot(task_, slot_, 0, bytes);
  SlotHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  std::memcpy(round.entries.data(), bytes.data() + sizeof(header), bytes.size() - sizeof(header));
  if (round.has_outputs) space_.read_slot(task_, slot_, space_.slot_size() - round.arena.size(), round.arena.bytes());
  CAIRN_ASSERT(header.left <= round.entries.size());
  round.done = round.entries.size() - header.left;
}

void Batch::check() const {
  if (birth_failure_) std::rethrow_exception(birth_failure_);
  const Round& round = rounds_[round_ - 1];
  if (round.done == round.entries.size()) return;
  const SlotEntry& failed = round.entries[round.done];
  throw Error::system(call_name(failed.number), static_cast<int>(-failed.result));
}

void Batch::flush() {
  Batch* self = this;
  flush_all({&self, 1});
}

void Batch::flush_all(std::span<Batch* const> batches) {
  std::exception_ptr first;
  auto attempt = [&](auto&& action) {
    try {
      action();
      return true;
    } catch (...) {
      if (!first) first = std::current_exception();
      return false;
    }
  };
  std::vector<Batch*> started;
  for (Batch* batch : batches)
    if (!batch->empty() && attempt([&] { batch->start(); })) started.push_back(batch);
  for (Batch* batch : started) attempt([&] { batch->finish(); });
  if (first) std::rethrow_exception(first);
}

}  // namespace cairn::tracee
