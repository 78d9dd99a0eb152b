// /proc/PID/stat. Source: do_task_stat() in fs/proc/array.c.
#include "kernel/procfs.h"
#include "kernel/text_cursor.h"

namespace cairn::kernel {
namespace {

// The kernel shows a newline in the name as \n and a backslash as \\ (seq_escape_str in proc_task_name()).
std::string without_c_escapes(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    bool escape = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 'n' || text[i + 1] == '\\');
    plain.push_back(!escape ? text[i] : text[i + 1] == 'n' ? '\n' : '\\');
    if (escape) ++i;
  }
  return plain;
}

// Addresses and limits fill 64 bits without a sign; nice and tty_nr have one.
int64_t parse_field(TextCursor& cursor) {
  if (cursor.peek() == '-') return cursor.number<int64_t>();
  return static_cast<int64_t>(cursor.number<uint64_t>());
}

}  // namespace

int64_t Stat::field(int number) const {
  size_t index = static_cast<size_t>(number) - 4;
  return number >= 4 && index < fields.size() ? fields[index] : 0;
}

Stat parse_stat(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  TextCursor head("stat", text);
  Stat stat;
  stat.pid = head.number<pid_t>();
  head.expect(" (");
  // Nothing after the name holds a bracket, but the name may hold any number of them.
  size_t close = head.rest().rfind(") ");
  if (close == std::string_view::npos) head.fail();
  stat.comm = without_c_escapes(head.rest().substr(0, close));

  TextCursor cursor("stat", head.rest().substr(close + 2));
  stat.state = cursor.take_char();
  stat.fields.reserve(49);
  while (!cursor.at_end()) {
    cursor.expect(" ");
    stat.fields.push_back(parse_field(cursor));
  }
  return stat;
}

}  // namespace cairn::kernel
