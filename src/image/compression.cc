#include "image/compression.h"

#include <lz4.h>
#include <zstd.h>

#include <charconv>
#include <memory>

#include "base/error.h"

namespace cairn::image {
namespace {

constexpr int kUsualLevel = 1, kHighestLevel = 19;  // higher ones take hundreds of MiB for each thread
constexpr std::string_view kZstdWithLevel = "zstd:";

const char* chars(std::span<const std::byte> bytes) { return reinterpret_cast<const char*>(bytes.data()); }
char* chars(std::span<std::byte> bytes) { return reinterpret_cast<char*>(bytes.data()); }

// One context a thread, kept from frame to frame.
ZSTD_CCtx* zstd_context() {
  thread_local std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  if (!context) throw Error("out of memory for a compressor");
  return context.get();
}

// 0: it can't be done.
size_t compress_into(const Compression& compression, std::span<const std::byte> bytes, std::span<std::byte> to) {
  if (compression.codec == Codec::kLz4) {
    int size =
        LZ4_compress_default(chars(bytes), chars(to), static_cast<int>(bytes.size()), static_cast<int>(to.size()));
    return static_cast<size_t>(size);
  }
  size_t size = ZSTD_compressCCtx(zstd_context(), to.data(), to.size(), bytes.data(), bytes.size(), compression.level);
  return ZSTD_isError(size) != 0 ? 0 : size;
}

}  // namespace

Compression parse_compression(const std::string& text) {
  if (text == "none") return {};
  if (text == "lz4") return {Codec::kLz4};
  if (text == "zstd") return {Codec::kZstd, kUsualLevel};
  Compression compression{Codec::kZstd};
  if (text.starts_with(kZstdWithLevel)) {
    const char* end = text.data() + text.size();
    auto [rest, error] = std::from_chars(text.data() + kZstdWithLevel.size(), end, compression.level);
    if (error == std::errc() && rest == end && compression.level >= 1 && compression.level <= kHighestLevel)
      return compression;
  }
  throw Error(
      fmt::format("{} is no way to compress; there are none, lz4, zstd and zstd:1 to zstd:{}", text, kHighestLevel),
      Failure::kUsage);
}

std::string_view feature_of(Codec codec) {
  if (codec == Codec::kLz4) return "lz4";
  return codec == Codec::kZstd ? "zstd" : "";
}

Codec codec_of(std::string_view feature) {
  if (feature == feature_of(Codec::kLz4)) return Codec::kLz4;
  return feature == feature_of(Codec::kZstd) ? Codec::kZstd : Codec::kNone;
}

std::span<const std::byte> compress(const Compression& compression, std::span<const std::byte> bytes,
                                    std::vector<std::byte>& buffer) {
  if (compression.codec == Codec::kNone) return {};
  buffer.resize(bytes.size() - bytes.size() / 8);  // what doesn't fit isn't worth it
  return std::span<const std::byte>(buffer).first(compress_into(compression, bytes, buffer));
}

bool decompress(Codec codec, std::span<const std::byte> compressed, std::span<std::byte> to) {
  if (codec == Codec::kLz4) {
    int size = LZ4_decompress_safe(chars(compressed), chars(to), static_cast<int>(compressed.size()),
                                   static_cast<int>(to.size()));
    return size >= 0 && static_cast<size_t>(size) == to.size();
  }
  if (codec == Codec::kZstd)
    return ZSTD_decompress(to.data(), to.size(), compressed.data(), compressed.size()) == to.size();
  return false;
}

}  // namespace cairn::image
