// "Key: value" files, and the epoll items and NUL-separated lists among them.
#include <algorithm>

#include "kernel/procfs.h"
#include "kernel/text_cursor.h"

namespace cairn::kernel {
namespace {

// A line without a colon (timens_offsets) has its first word as key.
std::pair<std::string, std::string> split_line(std::string_view line) {
  size_t end = line.find(':');
  size_t begin = end + 1;
  if (end == std::string_view::npos) begin = end = std::min(line.find_first_of(" \t"), line.size());
  return {std::string(line.substr(0, end)), std::string(trimmed(line.substr(begin)))};
}

// The value has to begin with a number; what follows behind a blank is its unit.
template <typename Number>
Number leading_number(std::string_view key, const std::string& value, int base) {
  std::string line = fmt::format("{}: {}", key, value);
  TextCursor cursor("key-value file", line);
  cursor.expect(key);
  cursor.expect(": ");
  if (base == 16) cursor.accept("0x");
  Number number = cursor.number<Number>(base);
  if (!cursor.at_end() && cursor.peek() != ' ' && cursor.peek() != '\t') cursor.fail();
  return number;
}

}  // namespace

KeyValues KeyValues::parse(std::string_view text) {
  KeyValues parsed;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (line.empty()) continue;
    parsed.lines_.emplace_back(line);
    parsed.entries_.push_back(split_line(line));
  }
  return parsed;
}

const std::string* KeyValues::find(std::string_view key) const {
  auto entry = std::ranges::find(entries_, key, &std::pair<std::string, std::string>::first);
  return entry == entries_.end() ? nullptr : &entry->second;
}

bool KeyValues::has(std::string_view key) const { return find(key) != nullptr; }

const std::string& KeyValues::value(std::string_view key) const {
  const std::string* found = find(key);
  if (!found) throw Error(fmt::format("the kernel shows no '{}' here", key));
  return *found;
}

std::string KeyValues::text(std::string_view key) const { return value(key); }
uint64_t KeyValues::number(std::string_view key) const { return leading_number<uint64_t>(key, value(key), 10); }
uint64_t KeyValues::hex(std::string_view key) const { return leading_number<uint64_t>(key, value(key), 16); }
uint64_t KeyValues::octal(std::string_view key) const { return leading_number<uint64_t>(key, value(key), 8); }

std::vector<int64_t> KeyValues::numbers(std::string_view key) const {
  constexpr std::string_view kSeparators = " \t(),";
  std::vector<int64_t> numbers;
  std::string_view rest = value(key);
  while (true) {
    rest.remove_prefix(std::min(rest.find_first_not_of(kSeparators), rest.size()));
    if (rest.empty()) return numbers;
    size_t length = std::min(rest.find_first_of(kSeparators), rest.size());
    TextCursor cursor("key-value file", rest.substr(0, length));
    numbers.push_back(cursor.number<int64_t>());
    if (!cursor.at_end()) cursor.fail();
    rest.remove_prefix(length);
  }
}

namespace {

// tfd:        5 events:       19 data:                5  pos:0 ino:3d sdev:8
EpollItem parse_epoll_item(std::string_view line) {
  TextCursor cursor("fdinfo", line);
  EpollItem item;
  auto key = [&](std::string_view name) {
    cursor.skip_spaces();
    cursor.expect(name);
    cursor.skip_spaces();
  };
  key("tfd:");
  item.fd = cursor.number<int>();
  key("events:");
  item.events = cursor.hex<uint32_t>();
  key("data:");
  item.data = cursor.hex<uint64_t>();
  key("pos:");
  item.position = static_cast<uint64_t>(cursor.number<int64_t>());
  key("ino:");
  item.inode = cursor.hex<uint64_t>();
  key("sdev:");
  item.device = cursor.hex<dev_t>();
  return item;
}

}  // namespace

std::vector<EpollItem> parse_epoll_items(const KeyValues& fdinfo) {
  std::vector<EpollItem> items;
  for (const std::string& line : fdinfo.lines())
    if (line.starts_with("tfd:")) items.push_back(parse_epoll_item(line));
  return items;
}

std::vector<std::string> parse_nul_list(std::string_view bytes) {
  std::vector<std::string> strings;
  while (!bytes.empty()) {
    size_t end = std::min(bytes.find('\0'), bytes.size());
    strings.emplace_back(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return strings;
}

}  // namespace cairn::kernel
