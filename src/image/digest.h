// XXH3 with 64 bits, over a buffer or over a stream of pieces. It finds damage; it is no defence against a forger.
#pragma once

#include <xxhash.h>

#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string_view>

namespace cairn::image {

uint64_t digest(const void* data, size_t size);
inline uint64_t digest(std::string_view bytes) { return digest(bytes.data(), bytes.size()); }
inline uint64_t digest(std::span<const std::byte> bytes) { return digest(bytes.data(), bytes.size()); }

class DigestStream {
 public:
  DigestStream() : state_(XXH3_createState()) {
    if (!state_) throw std::bad_alloc();
    XXH3_64bits_reset(state_.get());
  }
  void update(std::string_view bytes) { XXH3_64bits_update(state_.get(), bytes.data(), bytes.size()); }
  uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

}  // namespace cairn::image
