// XXH3 compiled for AVX2, which not every x86-64 has: 25 GB/s of cached bytes instead of 12 with the baseline's SSE2.
// The shared libxxhash can choose by itself, the static one can't. Nothing with inline functions of others may be
// included here: the linker could take this copy of them for all.
#ifdef __AVX2__
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace cairn::image {

uint64_t digest_avx2(const void* data, size_t size);
uint64_t digest_avx2(const void* data, size_t size) { return XXH3_64bits(data, size); }

}  // namespace cairn::image
#endif
