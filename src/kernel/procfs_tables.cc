// /proc/PID/timers, /proc/locks and /proc/PID/mountinfo: one record for each line or group of lines.
#include <algorithm>

#include "kernel/procfs.h"
#include "kernel/text_cursor.h"

namespace cairn::kernel {
namespace {

// One line "key: value" of a timer, which must be there.
TextCursor timer_line(std::string_view& text, std::string_view key) {
  TextCursor cursor("timers", take_line(text));
  cursor.expect(key);
  cursor.expect(": ");
  return cursor;
}

// ID: 0 / signal: 10/00007ffc12345678 / notify: signal/pid.1234 / ClockID: 1. Source: show_timer() in fs/proc/base.c.
PosixTimer parse_posix_timer(std::string_view& text) {
  PosixTimer timer;
  timer.id = timer_line(text, "ID").number<int>();
  TextCursor signal = timer_line(text, "signal");
  timer.signal = signal.number<int>();
  signal.expect("/");
  signal.accept("0x");
  timer.value = signal.hex<uint64_t>();
  timer.notify = timer_line(text, "notify").rest();
  timer.clock = timer_line(text, "ClockID").number<int>();
  return timer;
}

void parse_lock_object(TextCursor& cursor, FileLock& lock) {
  if (cursor.accept("<none>:")) {
    lock.inode = cursor.number<uint64_t>();
    return;
  }
  lock.device_major = cursor.hex<uint32_t>();
  cursor.expect(":");
  lock.device_minor = cursor.hex<uint32_t>();
  cursor.expect(":");
  lock.inode = cursor.number<uint64_t>();
}

// 1: -> POSIX  ADVISORY  WRITE 1234 08:02:5678 0 EOF. Source: lock_get_status() in fs/locks.c.
FileLock parse_lock(std::string_view line) {
  TextCursor cursor("locks", line);
  FileLock lock;
  auto word = [&] {
    cursor.skip_spaces();
    if (cursor.at_end()) cursor.fail();
    return std::string(cursor.word());
  };
  cursor.number<int64_t>();
  cursor.expect(":");
  cursor.skip_spaces();
  lock.blocked = cursor.accept("->");
  lock.type = word();
  lock.status = word();
  lock.mandatory = lock.status == "MANDATORY";
  lock.mode = word();
  cursor.skip_spaces();
  lock.pid = cursor.number<pid_t>();
  cursor.skip_spaces();
  parse_lock_object(cursor, lock);
  cursor.skip_spaces();
  lock.start = cursor.number<uint64_t>();
  cursor.skip_spaces();
  if (!cursor.accept("EOF")) lock.end = cursor.number<uint64_t>();
  return lock;
}

// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue. An empty source leaves two spaces.
MountEntry parse_mount(std::string_view line) {
  TextCursor cursor("mountinfo", line);
  MountEntry mount;
  mount.id = cursor.number<int>();
  cursor.expect(" ");
  mount.parent = cursor.number<int>();
  cursor.expect(" ");
  mount.device_major = cursor.number<uint32_t>();
  cursor.expect(":");
  mount.device_minor = cursor.number<uint32_t>();
  cursor.expect(" ");
  mount.root = without_octal_escapes(cursor.field());
  mount.mount_point = without_octal_escapes(cursor.field());
  mount.options = cursor.field();
  while (!cursor.accept("- ")) {
    if (cursor.at_end()) cursor.fail();
    mount.tags.emplace_back(cursor.field());
  }
  mount.file_system = without_octal_escapes(cursor.field());
  mount.source = without_octal_escapes(cursor.field());
  mount.super_options = cursor.rest();
  return mount;
}

}  // namespace

std::vector<PosixTimer> parse_posix_timers(std::string_view text) {
  std::vector<PosixTimer> timers;
  while (!text.empty()) timers.push_back(parse_posix_timer(text));
  return timers;
}

std::vector<FileLock> parse_locks(std::string_view text) {
  std::vector<FileLock> locks;
  while (!text.empty()) locks.push_back(parse_lock(take_line(text)));
  return locks;
}

std::vector<MountEntry> parse_mountinfo(std::string_view text) {
  std::vector<MountEntry> mounts;
  while (!text.empty()) mounts.push_back(parse_mount(take_line(text)));
  return mounts;
}

}  // namespace cairn::kernel
