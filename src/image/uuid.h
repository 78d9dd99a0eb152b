// The name of an image that no other image has: a random UUID (RFC 4122, version 4) in its usual form of 36 characters.
#pragma once

#include <string>
#include <string_view>

namespace cairn::image {

std::string random_uuid();
bool is_uuid(std::string_view text);

}  // namespace cairn::image
