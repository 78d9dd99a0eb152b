// ProcDir of procfs.h. A directory of /proc that is held open belongs to one task for ever: when that is gone, look-ups
// give ENOENT and reads ESRCH, and a new task with the same id has a directory of its own.
#include <algorithm>
#include <charconv>

#include "kernel/calls.h"
#include "kernel/described_object.h"
#include "kernel/procfs.h"

namespace cairn::kernel {
namespace {

constexpr int kDirectory = O_RDONLY | O_DIRECTORY;

std::optional<int> as_number(const std::string& name) {
  int number = 0;
  auto [end, status] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (status != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

std::vector<int> sorted_numbers(const std::vector<std::string>& names) {
  std::vector<int> numbers;
  for (const std::string& name : names)
    if (auto number = as_number(name)) numbers.push_back(*number);
  std::ranges::sort(numbers);
  return numbers;
}

}  // namespace

KeyValues fdinfo_of(int fd) { return KeyValues::parse(read_file(fmt::format("/proc/self/fdinfo/{}", fd))); }
std::string link_of(int fd) { return read_link_at(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd)); }

std::optional<ProcDir> ProcDir::open(HostPid pid) {
  auto fd = try_open_at(AT_FDCWD, fmt::format("/proc/{}", pid.value), kDirectory);
  if (!fd) return std::nullopt;
  return ProcDir(pid, std::move(*fd));
}

std::optional<ProcDir> ProcDir::open(HostPid process, HostPid thread) {
  auto fd = try_open_at(AT_FDCWD, fmt::format("/proc/{}/task/{}", process.value, thread.value), kDirectory);
  if (!fd) return std::nullopt;
  return ProcDir(thread, std::move(*fd));
}

std::string ProcDir::read(const std::string& name) const { return read_all(open_at(fd(), name, O_RDONLY).get()); }

std::optional<std::string> ProcDir::try_read(const std::string& name) const {
  auto file = try_open_at(fd(), name, O_RDONLY);
  if (!file) return std::nullopt;
  return try_read_all(file->get());
}

std::string ProcDir::read_link(const std::string& name) const { return read_link_at(fd(), name); }

std::optional<std::string> ProcDir::try_read_link(const std::string& name) const {
  return try_read_link_at(fd(), name);
}

OwnedFd ProcDir::open_file(const std::string& name, int flags) const { return open_at(fd(), name, flags); }

std::optional<std::vector<int>> ProcDir::try_list_numbers(const std::string& name) const {
  auto directory = try_open_at(fd(), name, kDirectory);
  auto entries = directory ? try_list_directory(directory->get()) : std::nullopt;
  if (!entries) return std::nullopt;
  return sorted_numbers(*entries);
}

std::optional<Stat> ProcDir::try_stat() const {
  auto text = try_read("stat");
  return text ? std::optional(parse_stat(*text)) : std::nullopt;
}

std::optional<Stat> try_stat_of(HostPid pid) {
  auto process = ProcDir::open(pid);
  return process ? process->try_stat() : std::nullopt;
}

std::vector<HostPid> ProcDir::list_processes() {
  std::vector<HostPid> processes;
  for (int number : sorted_numbers(list_directory(cairn::kernel::open("/proc", kDirectory).get())))
    processes.push_back({number});
  return processes;
}

std::vector<int> ProcDir::list_numbers(const std::string& name) const {
  auto numbers = try_list_numbers(name);
  if (!numbers) throw Error::system(fmt::format("list {} of process {}", name, pid_.value), ENOENT);
  return *numbers;
}

}  // namespace cairn::kernel
