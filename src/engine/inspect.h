// What an image holds, for people (text) and programs (JSON).
#pragma once

#include <string>

namespace cairn::engine {

// A process tree with descriptors, mappings, sizes and preconditions.
std::string inspect_text(const std::string& image);
// {"head": {...}, "records": [{"id", "kind", "owner", "body": {...}}, ...], "bytes", "page_bytes"}: every field of
// every record.
std::string inspect_json(const std::string& image);

}  // namespace cairn::engine
