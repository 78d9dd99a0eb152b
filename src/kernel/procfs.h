// The text files of /proc, parsed by pure functions: text in, struct out. A line that can't be understood is an Error
// that quotes it; an unknown key or field is kept or skipped as said below, since newer kernels add some.
// Source: proc(5) and Documentation/filesystems/proc.rst of Linux 6.18.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/owned_fd.h"

namespace cairn::kernel {

// One line of /proc/PID/maps.
struct MapsEntry {
  uint64_t start = 0, end = 0;
  bool read = false, write = false, exec = false, shared = false;
  uint64_t offset = 0;
  uint32_t device_major = 0, device_minor = 0;
  uint64_t inode = 0;
  // Path, [heap], [stack], [anon:NAME], [vdso] ...; \012 is a newline again, the only thing that the kernel escapes
  // here. A path that itself holds "\012" or ends in " (deleted)" can't be told apart: /proc/PID/map_files knows.
  std::string name;
  bool deleted = false;  // " (deleted)" was cut from `name`
  uint64_t size() const { return end - start; }
};
std::vector<MapsEntry> parse_maps(std::string_view text);

// One mapping of /proc/PID/smaps: its maps line and its VmFlags (two-letter codes) in the kernel's order.
struct SmapsEntry {
  MapsEntry mapping;
  std::vector<std::string> flags;
  std::map<std::string, uint64_t> kilobytes;  // "Rss" -> kB ...; also ProtectionKey and THPeligible as plain numbers
};
std::vector<SmapsEntry> parse_smaps(std::string_view text);

// /proc/PID/stat. All fields by number as in proc(5) (field 1 is pid, 3 state); comm may hold spaces and brackets.
struct Stat {
  pid_t pid = 0;
  std::string comm;
  char state = '?';
  std::vector<int64_t> fields;      // fields[0] is field 4 (ppid); values above INT64_MAX wrap as unsigned
  int64_t field(int number) const;  // number as in proc(5), 4 or more; 0 when the kernel doesn't print it
  pid_t parent() const { return static_cast<pid_t>(field(4)); }
  pid_t group() const { return static_cast<pid_t>(field(5)); }
  pid_t session() const { return static_cast<pid_t>(field(6)); }
  uint64_t start_time() const { return static_cast<uint64_t>(field(22)); }  // clock ticks since boot
  int exit_code() const { return static_cast<int>(field(52)); }
  int thread_count() const { return static_cast<int>(field(20)); }  // a leader's that has ended: with itself
  bool has_ended() const { return state == 'Z' || state == 'X'; }
  bool process_has_ended() const { return has_ended() && thread_count() <= 1; }
};
Stat parse_stat(std::string_view text);

// "Key:\tvalue" files: /proc/PID/status, /proc/PID/fdinfo/N, /proc/PID/timens_offsets are of this family. A line
// without a colon (timens_offsets) has its first word as key. Values lose the blanks around them; a number may have a
// unit ("kB") behind it. Where a key comes more than once, the first counts.
class KeyValues {
 public:
  static KeyValues parse(std::string_view text);
  bool has(std::string_view key) const;
  std::string text(std::string_view key) const;  // Error when missing
  uint64_t number(std::string_view key) const;   // decimal
  uint64_t hex(std::string_view key) const;      // with or without 0x
  uint64_t octal(std::string_view key) const;
  std::vector<int64_t> numbers(
      std::string_view key) const;  // between them blanks, commas, brackets: "(3, 5)" of timerfd
  // Every line that isn't empty, also those that repeat a key (tfd:, inotify wd:) or have none.
  const std::vector<std::string>& lines() const { return lines_; }
  const std::vector<std::pair<std::string, std::string>>& entries() const { return entries_; }

 private:
  const std::string* find(std::string_view key) const;
  const std::string& value(std::string_view key) const;

  std::vector<std::string> lines_;
  std::vector<std::pair<std::string, std::string>> entries_;
};

// One "tfd:" line of an epoll's fdinfo.
struct EpollItem {
  int fd = 0;
  uint32_t events = 0;
  uint64_t data = 0;
  uint64_t position = 0, inode = 0;
  dev_t device = 0;  // kernel encoding as printed (hex)
};
std::vector<EpollItem> parse_epoll_items(const KeyValues& fdinfo);

// One timer of /proc/PID/timers.
struct PosixTimer {
  int id = 0;
  int signal = 0;
  uint64_t value = 0;  // sigev_value as printed after '/', hex
  std::string notify;  // "signal/pid.1234", "none/...", "thread/tid.5"
  int clock = 0;
};
std::vector<PosixTimer> parse_posix_timers(std::string_view text);

// One line of /proc/PID/mountinfo.
struct MountEntry {
  int id = 0, parent = 0;
  uint32_t device_major = 0, device_minor = 0;
  std::string root, mount_point, file_system, source;  // octal escapes undone
  std::string options, super_options;                  // as printed: undoing escapes would make commas ambiguous
  std::vector<std::string> tags;                       // shared:N, master:N ...
};
std::vector<MountEntry> parse_mountinfo(std::string_view text);

// "Soft Hard Units" table of /proc/PID/limits is not needed (prlimit); /proc/locks is:
struct FileLock {
  std::string type;      // POSIX, FLOCK, OFDLCK, LEASE ...
  std::string status;    // ADVISORY, MANDATORY; of a lease ACTIVE, BREAKING, BREAKER
  bool blocked = false;  // "->": waits for the one above it
  bool mandatory = false;
  std::string mode;  // READ, WRITE ...
  pid_t pid = 0;     // -1 for OFD locks
  uint32_t device_major = 0, device_minor = 0;
  uint64_t inode = 0;
  uint64_t start = 0;
  uint64_t end = UINT64_MAX;  // UINT64_MAX is "EOF"
};
std::vector<FileLock> parse_locks(std::string_view text);

// Of a descriptor of ours: /proc/self/fdinfo and /proc/self/fd.
KeyValues fdinfo_of(int fd);
std::string link_of(int fd);

// NUL-separated lists: cmdline, environ.
std::vector<std::string> parse_nul_list(std::string_view bytes);

// The /proc directory of one process or task, opened once so that a reused pid can't be mistaken for it.
class ProcDir {
 public:
  // /proc/PID; empty when there is no such process.
  static std::optional<ProcDir> open(HostPid pid);
  static std::vector<HostPid> list_processes();  // all that /proc shows
  // /proc/PID/task/TID.
  static std::optional<ProcDir> open(HostPid process, HostPid thread);

  HostPid pid() const { return pid_; }
  int fd() const { return fd_.get(); }
  // Whole content of a file below it; an Error (or empty for the try form) when the task is gone.
  std::string read(const std::string& name) const;
  std::optional<std::string> try_read(const std::string& name) const;
  std::string read_link(const std::string& name) const;
  std::optional<std::string> try_read_link(const std::string& name) const;
  OwnedFd open_file(const std::string& name, int flags) const;
  std::vector<int> list_numbers(const std::string& name) const;  // task, fd: sorted
  std::optional<std::vector<int>> try_list_numbers(const std::string& name) const;
  std::optional<Stat> try_stat() const;  // empty when it is gone

  std::vector<MapsEntry> maps() const { return parse_maps(read("maps")); }
  Stat stat() const { return parse_stat(read("stat")); }
  KeyValues status() const { return KeyValues::parse(read("status")); }

 private:
  ProcDir(HostPid pid, OwnedFd fd) : pid_(pid), fd_(std::move(fd)) {}
  HostPid pid_;
  OwnedFd fd_;
};

// /proc/PID/stat of a process that isn't held; empty when there is none.
std::optional<Stat> try_stat_of(HostPid pid);

}  // namespace cairn::kernel
