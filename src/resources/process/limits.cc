// prlimit(2): soft and hard limit of every resource of a process. Asked for and set by the process itself: from outside
// another user's process would need CAP_SYS_RESOURCE. Raising a hard limit needs it too; without it cairn's own hard
// limits are a precondition.
#include <linux/capability.h>
#include <sys/syscall.h>

#include <algorithm>
#include <charconv>

#include "resources/kind.h"
#include "resources/own_rights.h"
#include "resources/process/limits.pb.h"

namespace cairn::resources {
namespace {

constexpr uint32_t kResources = 16;  // RLIM_NLIMITS

const char* resource_name(uint32_t resource) {
  constexpr const char* kNames[kResources] = {
      "CPU time",       "file size",  "data size",          "stack size",       "core file size", "resident set",
      "processes",      "open files", "locked memory",      "address space",    "file locks",     "pending signals",
      "message queues", "nice",       "real-time priority", "real-time runtime"};
  return resource < kResources ? kNames[resource] : "?";
}

class LimitsKind final : public AttributeKind<image::Limits, Level::kProcess> {
 public:
  Reading<image::Limits> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    room(batch, kResources, kResources * sizeof(rlimit));
    std::vector<tracee::Out<rlimit>> results;
    for (uint32_t resource = 0; resource < kResources; ++resource) {
      results.push_back(batch.out<rlimit>());
      batch.call(SYS_prlimit64, 0, resource, 0, results.back());
    }
    return [results] {
      image::Limits state;
      for (uint32_t resource = 0; resource < kResources; ++resource) {
        rlimit limit = results[resource].value();
        image::Limit& entry = *state.add_limits();
        entry.set_resource(resource);
        entry.set_soft(limit.rlim_cur);
        entry.set_hard(limit.rlim_max);
      }
      return std::optional(state);
    };
  }

  std::optional<image::Limits> describe_remains(DescribeContext&, const kernel::ProcDir& zombie) const override {
    return parse(zombie.read("limits"));
  }

  void apply(RestoreContext&, const image::Limits& state, RestoredTask& task) const override {
    for (const image::Limit& limit : state.limits()) {
      rlimit wanted{limit.soft(), limit.hard()};
      tracee::Batch& batch = task.room(1, sizeof(wanted));
      batch.call(SYS_prlimit64, 0, limit.resource(), batch.put(wanted), 0);
    }
  }

  void check(CheckContext& context, const image::Limits& state) const override {
    if (has_capability(CAP_SYS_RESOURCE)) return;
    for (const image::Limit& limit : state.limits()) {
      rlimit mine = own_limit(static_cast<int>(limit.resource()));
      if (limit.hard() <= mine.rlim_max) continue;
      context.add({fmt::format("limit of {}", resource_name(limit.resource())),
                   fmt::format("a hard limit of at least {}", limit.hard()), false,
                   fmt::format("{}, and no right to raise it (CAP_SYS_RESOURCE)", mine.rlim_max)});
    }
  }

 private:
  // /proc/PID/limits: a line for each resource, in their order, with a name of 26 columns, then the two values.
  static image::Limits parse(std::string_view text) {
    constexpr size_t kNameWidth = 26;
    image::Limits state;
    text.remove_prefix(std::min(text.size(), text.find('\n') + 1));
    for (uint32_t resource = 0; resource < kResources && text.size() > kNameWidth; ++resource) {
      std::string_view rest = text.substr(kNameWidth);
      image::Limit& entry = *state.add_limits();
      entry.set_resource(resource);
      entry.set_soft(take_value(rest));
      entry.set_hard(take_value(rest));
      text.remove_prefix(std::min(text.size(), text.find('\n') + 1));
    }
    return state;
  }

  static uint64_t take_value(std::string_view& text) {
    text.remove_prefix(std::min(text.size(), text.find_first_not_of(' ')));
    uint64_t value = RLIM_INFINITY;  // "unlimited"
    std::from_chars(text.data(), text.data() + text.size(), value);
    text.remove_prefix(std::min(text.size(), text.find(' ')));
    return value;
  }
};

}  // namespace

const Kind& limits_kind() {
  static const LimitsKind kKind;
  return kKind;
}

}  // namespace cairn::resources
