#include "libcairn/json_value.h"

#include <charconv>

namespace cairn::libcairn {
namespace {

constexpr int kDeepest = 64;

void append_utf8(std::string& out, uint32_t code) {
  auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

}  // namespace

// Each parse_* takes what it understood from the front of the text; false when there is something else.
class JsonParser {
 public:
  explicit JsonParser(std::string_view text) : text_(text) {}

  bool parse_document(JsonValue& value) {
    if (!parse_value(value, 0)) return false;
    skip_space();
    return text_.empty();
  }

 private:
  void skip_space() {
    size_t end = text_.find_first_not_of(" \t\r\n");
    text_.remove_prefix(end == std::string_view::npos ? text_.size() : end);
  }

  bool take(char wanted) {
    skip_space();
    if (text_.empty() || text_.front() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }

  bool parse_value(JsonValue& value, int depth) {
    if (depth > kDeepest) return false;
    skip_space();
    if (text_.empty()) return false;
    if (text_.front() == '"') return parse_string(value.string_);
    if (text_.front() == '[') return parse_array(value, depth);
    if (text_.front() == '{') return parse_object(value, depth);
    return parse_scalar(value.scalar_);
  }

  bool parse_scalar(std::string& scalar) {
    size_t end = text_.find_first_of(" \t\r\n,]}");
    scalar = text_.substr(0, end);
    text_.remove_prefix(scalar.size());
    if (scalar == "true" || scalar == "false" || scalar == "null") return true;
    return !scalar.empty() && scalar.find_first_not_of("+-.0123456789eE") == std::string::npos;
  }

  bool parse_string(std::string& string) {
    text_.remove_prefix(1);
    while (!text_.empty()) {
      char c = text_.front();
      text_.remove_prefix(1);
      if (c == '"') return true;
      if (c != '\\') {
        string += c;
      } else if (!parse_escape(string)) {
        return false;
      }
    }
    return false;
  }

  // Surrogate pairs are never printed by cairn: characters beyond U+FFFF stand as they are.
  bool parse_escape(std::string& string) {
    if (text_.empty()) return false;
    char c = text_.front();
    text_.remove_prefix(1);
    if (c == 'u') return parse_code(string);
    static constexpr std::string_view kNames = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    size_t which = kNames.find(c);
    if (which == std::string_view::npos) return false;
    string += kMeanings[which];
    return true;
  }

  bool parse_code(std::string& string) {
    uint32_t code = 0;
    if (text_.size() < 4) return false;
    auto [end, error] = std::from_chars(text_.data(), text_.data() + 4, code, 16);
    if (error != std::errc() || end != text_.data() + 4) return false;
    text_.remove_prefix(4);
    append_utf8(string, code);
    return true;
  }

  bool parse_array(JsonValue& value, int depth) {
    text_.remove_prefix(1);
    if (take(']')) return true;
    do {
      if (!parse_value(value.elements_.emplace_back(), depth + 1)) return false;
    } while (take(','));
    return take(']');
  }

  bool parse_object(JsonValue& value, int depth) {
    text_.remove_prefix(1);
    if (take('}')) return true;
    do {
      std::string name;
      skip_space();
      if (text_.empty() || text_.front() != '"' || !parse_string(name) || !take(':')) return false;
      if (!parse_value(value.members_[name], depth + 1)) return false;
    } while (take(','));
    return take('}');
  }

  std::string_view text_;
};

std::optional<JsonValue> JsonValue::parse(std::string_view text) {
  JsonValue value;
  if (!JsonParser(text).parse_document(value)) return std::nullopt;
  return value;
}

int64_t JsonValue::number() const {
  int64_t number = 0;
  std::from_chars(scalar_.data(), scalar_.data() + scalar_.size(), number);
  return number;
}

const JsonValue& JsonValue::operator[](const std::string& member) const {
  static const JsonValue kNothing;
  auto found = members_.find(member);
  return found == members_.end() ? kNothing : found->second;
}

}  // namespace cairn::libcairn
