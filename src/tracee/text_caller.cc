#include "tracee/text_caller.h"

#include <sys/wait.h>

#include <algorithm>
#include <cstddef>

#include "base/log.h"
#include "tracee/ptrace.h"
#include "tracee/signal_frame.h"

namespace cairn::tracee {
namespace {

constexpr uint64_t kRedZone = 128;
constexpr auto kCallTime = std::chrono::seconds(30);

void load_call(user_regs_struct& registers, const TextCaller::Call& call) {
  registers.rax = static_cast<uint64_t>(call.number);
  registers.orig_rax = ~0ull;  // else the kernel "restarts" the interrupted call on top of these
  registers.rdi = call.args[0];
  registers.rsi = call.args[1];
  registers.rdx = call.args[2];
  registers.r10 = call.args[3];
  registers.r8 = call.args[4];
  registers.r9 = call.args[5];
}

bool is_stack(const std::vector<kernel::MapsEntry>& maps, size_t index) {
  const kernel::MapsEntry& mapping = maps[index];
  if (!mapping.read || !mapping.write) return false;
  if (mapping.name == "[stack]") return true;
  if (index == 0) return false;
  const kernel::MapsEntry& below = maps[index - 1];
  return below.end == mapping.start && !below.read && !below.write && !below.exec;
}

// Below the stack pointer's red zone; 0 when that may be no stack, but one of many that lie side by side in the heap.
RemoteAddress room_on_stack(const std::vector<kernel::MapsEntry>& maps, uint64_t stack_pointer, size_t size) {
  auto above = std::ranges::upper_bound(maps, stack_pointer, {}, &kernel::MapsEntry::start);
  if (above == maps.begin()) return {0};
  size_t index = static_cast<size_t>(above - maps.begin()) - 1;
  if (stack_pointer > maps[index].end || !is_stack(maps, index)) return {0};
  uint64_t place = (stack_pointer - kRedZone - size) & ~uint64_t{63};
  return {place >= maps[index].start && place < stack_pointer ? place : 0};
}

// For a task on a stack of its own making: the far end of the main thread's, which the kernel sets up larger than
// needed.
RemoteAddress room_on_main_stack(const std::vector<kernel::MapsEntry>& maps, size_t size) {
  auto stack = std::ranges::find(maps, "[stack]", &kernel::MapsEntry::name);
  if (stack == maps.end() || !stack->read || !stack->write) return {0};
  constexpr uint64_t kLeftToItsOwner = 16 << 10;
  return {stack->size() >= size + kLeftToItsOwner ? stack->start : 0};
}

}  // namespace

TextCaller::TextCaller(Task& task, const ProgramText& text, const std::vector<kernel::MapsEntry>& maps,
                       std::optional<Call> undo)
    : task_(task), text_(text) {
  if (text_.can_return()) prepare_stack(maps, undo);
  if (!heals()) log::detail("{}: no room for a frame that heals: this moment is not safe against SIGKILL", task.name());
}

void TextCaller::prepare_stack(const std::vector<kernel::MapsEntry>& maps, const std::optional<Call>& undo) {
  constexpr size_t kBareRoom = 320;
  const CpuState& state = task_.state();
  size_t size = kBareRoom + signal_frame_size(state);
  RemoteAddress place = room_on_stack(maps, state.registers.rsp, size);
  if (place.value == 0) place = room_on_main_stack(maps, size);
  if (place.value == 0) return;
  RemoteAddress last = place + kBareRoom;
  std::vector<std::byte> frames(kBareRoom);
  std::vector<std::byte> last_frame = signal_frame(last, text_.restorer, state);
  frames.insert(frames.end(), last_frame.begin(), last_frame.end());
  if (undo) {
    user_regs_struct registers = state.registers;
    load_call(registers, *undo);
    registers.rip = text_.syscall_return.value;
    registers.rsp = last.value;
    std::ranges::copy(bare_signal_frame(text_.restorer, registers, ~uint64_t{0}), frames.begin());
  }
  saved_.resize(frames.size());
  task_.read_memory(place, saved_.data(), saved_.size());
  task_.write_memory(place, frames.data(), frames.size());
  stack_ = undo ? place : last;
  saved_at_ = place;
}

void TextCaller::to_syscall_stop(uint64_t side) {
  Deadline deadline = Clock::now() + kCallTime;
  while (true) {
    task_.go_to_syscall();
    int status = task_.next_stop(deadline);
    bool is_call = status >> 8 == (SIGTRAP | ptrace::kSyscallStop);
    if (is_call && ptrace::event_message(task_.thread()) == side) return;
    task_.keep_if_stop_signal(status);
  }
}

long TextCaller::call(const Call& call) {
  user_regs_struct registers = task_.state().registers;
  load_call(registers, call);
  registers.rip = heals() ? text_.syscall_return.value : text_.syscall.value;
  if (heals()) registers.rsp = stack_.value;
  task_.take(registers, ~uint64_t{0});
  to_syscall_stop(ptrace::kAtEntry);
  to_syscall_stop(ptrace::kAtExit);
  auto result = ptrace::peek_register(task_.thread(), offsetof(user_regs_struct, rax));
  if (!result) task_.fail_as_dead();
  return static_cast<long>(*result);
}

void TextCaller::finish() {
  if (saved_.empty()) return;
  task_.write_memory(saved_at_, saved_.data(), saved_.size());
  saved_.clear();
}

TextCaller::~TextCaller() {
  try {
    if (!saved_.empty() && task_.put_back()) finish();
  } catch (const std::exception& error) {
    log::detail("{}", error.what());
  }
}

}  // namespace cairn::tracee
