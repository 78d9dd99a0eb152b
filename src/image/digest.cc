#include "image/digest.h"

namespace cairn::image {

uint64_t digest_avx2(const void* data, size_t size);  // digest_avx2.cc

uint64_t digest(const void* data, size_t size) {
#ifdef __x86_64__
  static const bool has_avx2 = __builtin_cpu_supports("avx2");
  if (has_avx2) return digest_avx2(data, size);
#endif
  return XXH3_64bits(data, size);
}

}  // namespace cairn::image
