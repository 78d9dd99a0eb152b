#include "kernel/text_cursor.h"

namespace cairn::kernel {
namespace {

constexpr size_t kQuotedAtMost = 200;

bool is_octal_digit(char c) { return c >= '0' && c <= '7'; }

}  // namespace

std::string_view trimmed(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::string without_octal_escapes(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    bool escape = text[i] == '\\' && text.size() - i > 3 && text[i + 1] <= '3' && is_octal_digit(text[i + 1]) &&
                  is_octal_digit(text[i + 2]) && is_octal_digit(text[i + 3]);
    if (!escape) {
      plain.push_back(text[i]);
      continue;
    }
    plain.push_back(static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
    i += 3;
  }
  return plain;
}

void TextCursor::fail() const {
  throw Error(fmt::format("{}: can't understand '{}'{}", file_, line_.substr(0, kQuotedAtMost),
                          line_.size() > kQuotedAtMost ? " ..." : ""));
}

}  // namespace cairn::kernel
