// Found by their bytes in executable mappings, in small pieces: they stand near the beginning of a C library's text.
#include "tracee/program_text.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <string_view>

#include "kernel/calls.h"
#include "kernel/signals.h"

namespace cairn::tracee {
namespace {

using namespace std::string_view_literals;
using kernel::MapsEntry;

constexpr auto kSyscall = "\x0f\x05"sv;
constexpr auto kSyscallReturn = "\x0f\x05\xc3"sv;
constexpr std::array kRestorers = {"\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05"sv,  // glibc
                                   "\xb8\x0f\x00\x00\x00\x0f\x05"sv};         // musl and others
constexpr size_t kPiece = 64 << 10, kOverlap = 16;

bool complete(const ProgramText& found) { return found.syscall.value != 0 && found.can_return(); }

void note(RemoteAddress& slot, uint64_t address) {
  if (slot.value == 0) slot = {address};
}

// All that we look for has a syscall instruction in it: at `place`.
void judge(std::string_view text, size_t place, uint64_t address, ProgramText& found) {
  note(found.syscall, address + place);
  if (text.substr(place).starts_with(kSyscallReturn)) note(found.syscall_return, address + place);
  std::string_view head = text.substr(0, place + kSyscall.size());
  for (std::string_view restorer : kRestorers)
    if (head.ends_with(restorer)) note(found.restorer, address + head.size() - restorer.size());
}

// By the second byte of the instruction, the rarer one: memchr(3) goes over the rest many bytes at a time.
void search_piece(std::string_view text, uint64_t address, ProgramText& found) {
  for (size_t at = 1; !complete(found) && (at = text.find(kSyscall[1], at)) != text.npos; ++at)
    if (text[at - 1] == kSyscall[0]) judge(text, at - 1, address, found);
}

// Reads only as far as is needed.
void search(HostPid task, const MapsEntry& mapping, ProgramText& found) {
  std::string piece;
  for (uint64_t at = mapping.start; at < mapping.end && !complete(found); at += kPiece - kOverlap) {
    piece.resize(std::min<uint64_t>(kPiece, mapping.end - at));
    iovec local = {piece.data(), piece.size()}, remote = {reinterpret_cast<void*>(at), piece.size()};
    ssize_t size = kernel::try_process_vm_readv(task, {&local, 1}, {&remote, 1});
    if (size <= 0) return;
    search_piece(std::string_view(piece).substr(0, static_cast<size_t>(size)), at, found);
  }
}

template <size_t kSize>
std::string read_code(HostPid task, uint64_t address) {
  std::string code(kSize, '\0');
  iovec local = {code.data(), kSize}, remote = {reinterpret_cast<void*>(address), kSize};
  ssize_t size = kernel::try_process_vm_readv(task, {&local, 1}, {&remote, 1});
  code.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return code;
}

// Where a C library has them, as offsets in its file: looked up once, and compared with the task's text at each use.
struct FilePlaces {
  uint32_t device_major, device_minor;
  uint64_t inode;
  uint64_t syscall_return, restorer;
};
thread_local std::vector<FilePlaces> known_files;

bool is_of(const FilePlaces& places, const MapsEntry& mapping) {
  return places.inode == mapping.inode && places.device_major == mapping.device_major &&
         places.device_minor == mapping.device_minor;
}

bool has_code(HostPid task, uint64_t address, std::string_view code) {
  return read_code<9>(task, address).starts_with(code);
}

bool recall(HostPid task, const MapsEntry& mapping, ProgramText& found) {
  auto places = std::ranges::find_if(known_files, [&](const FilePlaces& known) { return is_of(known, mapping); });
  if (places == known_files.end()) return false;
  ProgramText text;
  text.syscall = text.syscall_return = {mapping.start + places->syscall_return - mapping.offset};
  text.restorer = {mapping.start + places->restorer - mapping.offset};
  bool good = has_code(task, text.syscall_return.value, kSyscallReturn) &&
              std::ranges::any_of(kRestorers, [&](auto code) { return has_code(task, text.restorer.value, code); });
  if (good) found = text;
  return good;
}

void remember(const MapsEntry& mapping, const ProgramText& found) {
  auto inside = [&](RemoteAddress address) { return address.value >= mapping.start && address.value < mapping.end; };
  if (mapping.inode == 0 || !inside(found.syscall_return) || !inside(found.restorer)) return;
  auto offset = [&](RemoteAddress address) { return address.value - mapping.start + mapping.offset; };
  known_files.push_back({mapping.device_major, mapping.device_minor, mapping.inode, offset(found.syscall_return),
                         offset(found.restorer)});
}

// The C library first: it has all three. Writable text may change under our feet and is left out.
int rank(const MapsEntry& mapping) {
  if (mapping.name.find("/libc") != std::string::npos || mapping.name.find("/ld-musl") != std::string::npos) return 0;
  if (mapping.name == "[vdso]") return 2;
  return 1;
}

std::vector<const MapsEntry*> texts_of(const std::vector<MapsEntry>& maps) {
  std::vector<const MapsEntry*> texts;
  for (const MapsEntry& mapping : maps)
    if (mapping.exec && mapping.read && !mapping.write && !mapping.name.empty()) texts.push_back(&mapping);
  std::ranges::stable_sort(texts, {}, [](const MapsEntry* mapping) { return rank(*mapping); });
  return texts;
}

ProgramText find(HostPid task, const std::vector<MapsEntry>& maps) {
  ProgramText found;
  for (const MapsEntry* mapping : texts_of(maps)) {
    if (complete(found) || recall(task, *mapping, found)) break;
    search(task, *mapping, found);
    if (complete(found)) remember(*mapping, found);
  }
  return found;
}

}  // namespace

void look_at_program_text(HostPid process) {
  try {
    auto proc = kernel::ProcDir::open(process);
    if (auto text = proc ? proc->try_read("maps") : std::nullopt) find(process, kernel::parse_maps(*text));
  } catch (const Error&) {
    return;  // whatever is wrong comes up, and is told, when the process is held
  }
}

ProgramText find_program_text(const Task& task, const std::vector<MapsEntry>& maps) {
  ProgramText found = find(task.thread(), maps);
  if (found.syscall.value == 0)
    throw Error(
        fmt::format("process {} has no syscall instruction through which a call could be made", task.process().value));
  return found;
}

bool is_in_text_call(const Task& task, const CpuState& state) {
  constexpr uint64_t kEverything = ~(kernel::signal_bit(SIGKILL) | kernel::signal_bit(SIGSTOP));
  if (state.signal_mask != kEverything) return false;
  std::string around = read_code<5>(task.thread(), state.registers.rip - kSyscall.size());
  bool before = around.ends_with(kSyscallReturn), behind = around.starts_with(kSyscallReturn);
  if (!before && !behind) return false;
  std::string top = read_code<sizeof(uint64_t)>(task.thread(), state.registers.rsp);
  uint64_t return_address = 0;
  if (top.size() != sizeof(return_address)) return false;
  std::memcpy(&return_address, top.data(), sizeof(return_address));
  std::string code = read_code<9>(task.thread(), return_address);
  return std::ranges::any_of(kRestorers, [&](std::string_view restorer) { return code.starts_with(restorer); });
}

}  // namespace cairn::tracee
