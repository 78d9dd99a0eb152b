// Reads the JSON that the cairn program prints. Small on purpose: an application should not get a JSON library by
// linking us.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::libcairn {

class JsonValue {
 public:
  // Empty when `text` is not exactly one JSON value, or is nested more than 64 deep.
  static std::optional<JsonValue> parse(std::string_view text);

  // A value of another sort, or a missing member, reads as false, 0, "" or nothing.
  bool flag() const { return scalar_ == "true"; }
  int64_t number() const;
  const std::string& text() const { return string_; }
  const std::vector<JsonValue>& elements() const { return elements_; }
  const JsonValue& operator[](const std::string& member) const;
  bool has(const std::string& member) const { return members_.count(member) != 0; }

 private:
  friend class JsonParser;
  std::string scalar_;  // a number, true, false or null, as written
  std::string string_;
  std::vector<JsonValue> elements_;
  std::map<std::string, JsonValue> members_;
};

}  // namespace cairn::libcairn
