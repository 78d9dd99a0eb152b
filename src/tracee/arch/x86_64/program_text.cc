// Found by their bytes in executable mappings, in small pieces: they stand near the beginning of a C library's text.
#include "tracee/program_text.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <string_view>

#include "kernel/calls.h"

namespace cairn::tracee {
namespace {

using namespace std::string_view_literals;
using kernel::MapsEntry;

constexpr auto kSyscall = "\x0f\x05"sv;
constexpr auto kSyscallReturn = "\x0f\x05\xc3"sv;
constexpr std::array kRestorers = {"\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05"sv,  // glibc
                                   "\xb8\x0f\x00\x00\x00\x0f\x05"sv};         // musl and others
constexpr size_t kPiece = 128 << 10, kOverlap = 16;

void note(RemoteAddress& slot, std::string_view text, std::string_view pattern, uint64_t address) {
  if (slot.value != 0) return;
  size_t place = text.find(pattern);
  if (place != std::string_view::npos) slot = {address + place};
}

bool complete(const ProgramText& found) { return found.syscall.value != 0 && found.can_return(); }

void search_piece(std::string_view text, uint64_t address, ProgramText& found) {
  note(found.syscall, text, kSyscall, address);
  note(found.syscall_return, text, kSyscallReturn, address);
  for (std::string_view pattern : kRestorers) note(found.restorer, text, pattern, address);
}

// Reads only as far as is needed.
void search(const Task& task, const MapsEntry& mapping, ProgramText& found) {
  std::string piece;
  for (uint64_t at = mapping.start; at < mapping.end && !complete(found); at += kPiece - kOverlap) {
    piece.resize(std::min<uint64_t>(kPiece, mapping.end - at));
    iovec local = {piece.data(), piece.size()}, remote = {reinterpret_cast<void*>(at), piece.size()};
    ssize_t size = kernel::try_process_vm_readv(task.thread(), {&local, 1}, {&remote, 1});
    if (size <= 0) return;
    search_piece(std::string_view(piece).substr(0, static_cast<size_t>(size)), at, found);
  }
}

template <size_t kSize>
std::string read_code(const Task& task, uint64_t address) {
  std::string code(kSize, '\0');
  iovec local = {code.data(), kSize}, remote = {reinterpret_cast<void*>(address), kSize};
  ssize_t size = kernel::try_process_vm_readv(task.thread(), {&local, 1}, {&remote, 1});
  code.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return code;
}

// The C library first: it has all three. Writable text may change under our feet and is left out.
int rank(const MapsEntry& mapping) {
  if (mapping.name.find("/libc") != std::string::npos || mapping.name.find("/ld-musl") != std::string::npos) return 0;
  if (mapping.name == "[vdso]") return 2;
  return 1;
}

}  // namespace

ProgramText find_program_text(const Task& task, const std::vector<MapsEntry>& maps) {
  std::vector<const MapsEntry*> texts;
  for (const MapsEntry& mapping : maps)
    if (mapping.exec && mapping.read && !mapping.write && !mapping.name.empty()) texts.push_back(&mapping);
  std::ranges::stable_sort(texts, {}, [](const MapsEntry* mapping) { return rank(*mapping); });
  ProgramText found;
  for (const MapsEntry* mapping : texts) {
    if (complete(found)) break;
    search(task, *mapping, found);
  }
  if (found.syscall.value == 0)
    throw Error(
        fmt::format("process {} has no syscall instruction through which a call could be made", task.process().value));
  return found;
}

bool is_in_text_call(const Task& task, const CpuState& state) {
  constexpr uint64_t kEverything = ~(uint64_t{1} << (SIGKILL - 1) | uint64_t{1} << (SIGSTOP - 1));
  if (state.signal_mask != kEverything) return false;
  std::string around = read_code<5>(task, state.registers.rip - kSyscall.size());
  bool before = around.ends_with(kSyscallReturn), behind = around.starts_with(kSyscallReturn);
  if (!before && !behind) return false;
  std::string top = read_code<sizeof(uint64_t)>(task, state.registers.rsp);
  uint64_t return_address = 0;
  if (top.size() != sizeof(return_address)) return false;
  std::memcpy(&return_address, top.data(), sizeof(return_address));
  std::string code = read_code<9>(task, return_address);
  return std::ranges::any_of(kRestorers, [&](std::string_view restorer) { return code.starts_with(restorer); });
}

}  // namespace cairn::tracee
