// From the bytes of each file of an image to what they say. Pure functions over bytes that nobody vouches for: whatever
// is wrong is an Error with Failure::kDamagedImage that names the file; nothing is allocated because a length says so.
#pragma once

#include <google/protobuf/message.h>

#include <string_view>
#include <vector>

#include "image/container.pb.h"
#include "image/reader.h"

namespace cairn::image {

[[noreturn]] void damaged(std::string_view file, std::string_view reason);

// Knows the format version and every feature, else it is refused by name.
Head parse_head(std::string_view bytes);
// Ids are unique and not 0, kinds are not empty, owners exist and lead to no circle.
std::vector<RawRecord> parse_records(std::string_view bytes);
// Ascending frames of whole pages without overlap inside `page_bytes`.
std::vector<Frame> parse_index(std::string_view bytes, uint64_t page_bytes);
// Names each other file once and fits its own digest.
Trailer parse_trailer(std::string_view bytes);

// Whether the trailer is that of these files.
void check_uuid(const Trailer& trailer, const Head& head);
void check_size(const Trailer& trailer, std::string_view file, uint64_t size);
void check_digest(const Trailer& trailer, std::string_view file, std::string_view bytes);
void check_bytes(const Trailer& trailer, std::string_view file, std::string_view bytes);  // size and digest

}  // namespace cairn::image
