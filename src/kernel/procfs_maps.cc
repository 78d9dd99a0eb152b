// /proc/PID/maps and /proc/PID/smaps. Source: show_map_vma() and show_smap() in fs/proc/task_mmu.c.
#include "kernel/procfs.h"
#include "kernel/text_cursor.h"

namespace cairn::kernel {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

// A path has its newlines as \012 and nothing else escaped, not even the backslash; so only that is undone. A file
// whose name holds the four characters \012 is taken for one with a newline: /proc/PID/map_files tells the truth.
std::string without_escaped_newlines(std::string_view text) {
  constexpr std::string_view kEscape = "\\012";
  std::string name;
  for (size_t found; (found = text.find(kEscape)) != std::string_view::npos;) {
    name.append(text.substr(0, found)).push_back('\n');
    text.remove_prefix(found + kEscape.size());
  }
  return name.append(text);
}

bool permission(TextCursor& cursor, char letter) {
  if (cursor.accept({&letter, 1})) return true;
  cursor.expect("-");
  return false;
}

void parse_permissions(TextCursor& cursor, MapsEntry& entry) {
  entry.read = permission(cursor, 'r');
  entry.write = permission(cursor, 'w');
  entry.exec = permission(cursor, 'x');
  entry.shared = cursor.accept("s");
  if (!entry.shared) cursor.expect("p");
}

// 7f12a3b4c000-7f12a3b4e000 rw-p 00001000 fd:00 1234                       /usr/lib/libc.so.6
MapsEntry parse_maps_line(const char* file, std::string_view line) {
  TextCursor cursor(file, line);
  MapsEntry entry;
  entry.start = cursor.hex<uint64_t>();
  cursor.expect("-");
  entry.end = cursor.hex<uint64_t>();
  if (entry.end <= entry.start) cursor.fail();
  cursor.expect(" ");
  parse_permissions(cursor, entry);
  cursor.expect(" ");
  entry.offset = cursor.hex<uint64_t>();
  cursor.expect(" ");
  entry.device_major = cursor.hex<uint32_t>();
  cursor.expect(":");
  entry.device_minor = cursor.hex<uint32_t>();
  cursor.expect(" ");
  entry.inode = cursor.number<uint64_t>();
  if (!cursor.at_end()) cursor.expect(" ");
  cursor.skip_spaces();
  std::string_view name = cursor.rest();
  // Only files can be deleted; [anon: NAME] may end with the same words.
  entry.deleted = name.ends_with(kDeleted) && !name.starts_with('[');
  if (entry.deleted) name.remove_suffix(kDeleted.size());
  entry.name = name.find('\\') == name.npos ? std::string(name) : without_escaped_newlines(name);
  return entry;
}

// Keys begin with a capital letter, addresses are hexadecimal in small letters.
bool is_maps_line(std::string_view line) { return !line.empty() && !(line[0] >= 'A' && line[0] <= 'Z'); }

void parse_flags(std::string_view words, std::vector<std::string>& flags) {
  TextCursor cursor("smaps", words);
  for (cursor.skip_spaces(); !cursor.at_end(); cursor.skip_spaces()) flags.emplace_back(cursor.word());
}

void parse_smaps_value(std::string_view line, SmapsEntry& entry) {
  TextCursor cursor("smaps", line);
  size_t colon = line.find(':');
  if (colon == std::string_view::npos) cursor.fail();
  std::string_view key = line.substr(0, colon);
  cursor.expect(key);
  cursor.expect(":");
  if (key == "VmFlags") return parse_flags(cursor.rest(), entry.flags);
  cursor.skip_spaces();
  entry.kilobytes[std::string(key)] = cursor.number<uint64_t>();
  if (!cursor.at_end()) cursor.expect(" kB");
}

}  // namespace

std::vector<MapsEntry> parse_maps(std::string_view text) {
  std::vector<MapsEntry> entries;
  entries.reserve(text.size() / 64);
  while (!text.empty()) entries.push_back(parse_maps_line("maps", take_line(text)));
  return entries;
}

std::vector<SmapsEntry> parse_smaps(std::string_view text) {
  std::vector<SmapsEntry> entries;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (is_maps_line(line)) {
      entries.emplace_back().mapping = parse_maps_line("smaps", line);
    } else if (entries.empty()) {
      TextCursor("smaps", line).fail();
    } else {
      parse_smaps_value(line, entries.back());
    }
  }
  return entries;
}

}  // namespace cairn::kernel
