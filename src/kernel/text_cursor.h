// Walks through one line of a /proc file. Everything that is not as expected is an Error that quotes the line.
// Private to src/kernel; the text is only looked at, never copied.
#pragma once

#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

#include "base/error.h"

namespace cairn::kernel {

// Takes the first line (without its newline) off `text`.
inline std::string_view take_line(std::string_view& text) {
  size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::string_view trimmed(std::string_view text);
// Undoes the kernel's mangle_path(): backslash and three octal digits; other backslashes stand for themselves.
std::string without_octal_escapes(std::string_view text);

class TextCursor {
 public:
  // `file` is what messages call the file: "maps".
  TextCursor(const char* file, std::string_view line) : file_(file), line_(line), rest_(line) {}

  bool at_end() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }

  void skip_spaces() {
    while (peek() == ' ' || peek() == '\t') rest_.remove_prefix(1);
  }
  // The next characters must be these.
  void expect(std::string_view literal) {
    if (!accept(literal)) fail();
  }
  bool accept(std::string_view literal) {
    if (!rest_.starts_with(literal)) return false;
    rest_.remove_prefix(literal.size());
    return true;
  }
  char take_char() {
    if (rest_.empty()) fail();
    char taken = rest_.front();
    rest_.remove_prefix(1);
    return taken;
  }
  // What stands before the next blank, which is not taken. May be empty.
  std::string_view word() { return take(std::min(rest_.find_first_of(" \t"), rest_.size())); }
  // What stands before the next single space or the end; takes the space too. Two spaces enclose an empty field.
  std::string_view field() {
    std::string_view taken = take(std::min(rest_.find(' '), rest_.size()));
    accept(" ");
    return taken;
  }

  template <typename Number>
  Number number(int base = 10) {
    Number value{};
    auto [end, status] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value, base);
    if (status != std::errc()) fail();
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return value;
  }
  template <typename Number>
  Number hex() {
    return number<Number>(16);
  }

  [[noreturn]] void fail() const;

 private:
  std::string_view take(size_t length) {
    std::string_view taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return taken;
  }

  const char* file_;
  std::string_view line_;
  std::string_view rest_;
};

}  // namespace cairn::kernel
