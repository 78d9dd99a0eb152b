// How the frames of an image's pages are compressed: not at all, by LZ4 (fast), or by Zstandard (small).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::image {

enum class Codec { kNone, kLz4, kZstd };

struct Compression {
  Codec codec = Codec::kNone;
  int level = 0;  // of Zstandard: 1 to 19
};

// "none", "lz4", "zstd" or "zstd:LEVEL". An Error (wrong usage) for anything else.
Compression parse_compression(const std::string& text);

// What a reader must know to read such frames (Head.features); empty for kNone.
std::string_view feature_of(Codec codec);
// kNone for a feature that is none of these.
Codec codec_of(std::string_view feature);

// The compressed bytes, in `buffer`; empty when compression would save less than an eighth.
std::span<const std::byte> compress(const Compression& compression, std::span<const std::byte> bytes,
                                    std::vector<std::byte>& buffer);
// False when `compressed` is not exactly the bytes that fill `to`. Never writes beyond them, whatever it is given.
bool decompress(Codec codec, std::span<const std::byte> compressed, std::span<std::byte> to);

}  // namespace cairn::image
