// Writes JSON: what `--json` prints. Strings that are not UTF-8 (paths may be any bytes) get U+FFFD for each bad byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cairn::cli {

std::string json_string(std::string_view text);

class JsonObject {
 public:
  JsonObject& text(std::string_view key, std::string_view value) { return json(key, json_string(value)); }
  JsonObject& number(std::string_view key, int64_t value) { return json(key, std::to_string(value)); }
  JsonObject& flag(std::string_view key, bool value) { return json(key, value ? "true" : "false"); }
  // `value` is JSON already.
  JsonObject& json(std::string_view key, std::string_view value);
  std::string str() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

// [convert(element), ...]; `convert` gives JSON.
template <typename Range, typename Convert>
std::string json_array(const Range& range, Convert convert) {
  std::string elements;
  for (const auto& element : range) {
    if (!elements.empty()) elements += ", ";
    elements += convert(element);
  }
  return "[" + elements + "]";
}

}  // namespace cairn::cli
