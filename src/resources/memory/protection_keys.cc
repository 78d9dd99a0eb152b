// pkeys(7): which protection keys the program has allocated. Nothing shows it, but pkey_mprotect(2) of memory that
// isn't there says EINVAL for a key that nobody has allocated, and ENOMEM for one that is. Mappings that have a key are
// refused by the kind mm; the rights of each thread (PKRU) are among its registers.
#include <cpuid.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>

#include "resources/kind.h"
#include "resources/memory/protection_keys.pb.h"

namespace cairn::resources {
namespace {

constexpr uint32_t kKeys = 16;                    // arch_max_pkey() of x86-64
constexpr uint64_t kNowhere = uint64_t{1} << 62;  // no canonical address

// CPUID leaf 7: the kernel has switched them on (OSPKE).
bool has_keys() {
  static const bool kHas = [] {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_OSPKE) != 0;
  }();
  return kHas;
}

class ProtectionKeysKind final : public AttributeKind<image::ProtectionKeys, Level::kMm> {
 public:
  Reading<image::ProtectionKeys> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    std::vector<tracee::Pending> answers;
    for (uint32_t key = 1; has_keys() && key < kKeys; ++key) {
      answers.push_back(room(batch, 1, 0).try_call(SYS_pkey_mprotect, kNowhere, image::kPageSize, PROT_NONE, key));
    }
    return [answers = std::move(answers)]() -> std::optional<image::ProtectionKeys> {
      image::ProtectionKeys state;
      for (uint32_t key = 1; key <= answers.size(); ++key) {
        if (answers[key - 1].value() == -ENOMEM) state.add_allocated(key);
      }
      return state.allocated().empty() ? std::nullopt : std::optional(state);
    };
  }

  // The kernel gives the lowest key that is free.
  void apply(RestoreContext&, const image::ProtectionKeys& state, RestoredTask& task) const override {
    if (state.allocated().empty()) return;
    uint32_t last = std::min(*state.allocated().rbegin(), kKeys - 1);
    for (uint32_t key = 1; key <= last; ++key) task.room(1).call(SYS_pkey_alloc, 0, 0);
    for (uint32_t key = 1; key < last; ++key) {
      if (std::ranges::find(state.allocated(), key) == state.allocated().end()) task.room(1).call(SYS_pkey_free, key);
    }
  }

  void check(CheckContext& context, const image::ProtectionKeys&) const override {
    if (!has_keys()) context.add({"this CPU", "to have protection keys, of which a process has some", false, "none"});
  }
};

}  // namespace

const Kind& protection_keys_kind() {
  static const ProtectionKeysKind kKind;
  return kKind;
}

}  // namespace cairn::resources
