// sched_setaffinity(2): the CPUs that a task may run on. One that may run on all is restored so, however many there
// are; else each of its CPUs is a precondition. NUMA placement is not bound to it.
#include <sched.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <bit>

#include "resources/kind.h"
#include "resources/process/affinity.pb.h"

namespace cairn::resources {
namespace {

constexpr uint32_t kMostCpus = 8192;  // CONFIG_NR_CPUS at its largest
constexpr uint32_t kBits = 64;
using Mask = std::array<uint64_t, kMostCpus / kBits>;
using Cpus = std::vector<uint32_t>;

Cpus cpus_of(pid_t tid) {
  Mask mask{};
  kernel::checked("sched_getaffinity", SYS_sched_getaffinity, tid, sizeof(mask), kernel::arg(mask.data()));
  Cpus cpus;
  for (uint32_t word = 0; word < mask.size(); ++word)
    for (uint64_t left = mask[word]; left != 0; left &= left - 1)
      cpus.push_back(word * kBits + static_cast<uint32_t>(std::countr_zero(left)));
  return cpus;
}

// "0-3,8": the online CPUs.
Cpus parse_list(const std::string& text) {
  Cpus cpus;
  for (size_t at = 0; at < text.size() && text[at] != '\n';) {
    size_t end = std::min(text.find(',', at), text.size());
    std::string range = text.substr(at, end - at);
    auto first = static_cast<uint32_t>(std::stoul(range));
    size_t dash = range.find('-');
    uint32_t last = dash == std::string::npos ? first : static_cast<uint32_t>(std::stoul(range.substr(dash + 1)));
    for (uint32_t cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    at = end + 1;
  }
  return cpus;
}

const Cpus& online() {
  static const Cpus kOnline = parse_list(kernel::read_file("/sys/devices/system/cpu/online"));
  return kOnline;
}

class AffinityKind final : public AttributeKind<image::Affinity, Level::kTask> {
 public:
  Reading<image::Affinity> describe(DescribeContext&, const TaskView& task, tracee::Batch&) const override {
    return [state = state_of(task.thread())] { return std::optional(state); };
  }

  std::optional<image::Affinity> describe_remains(DescribeContext&, const kernel::ProcDir& zombie) const override {
    return state_of(zombie.pid());
  }

  void apply(RestoreContext&, const image::Affinity& state, RestoredTask& task) const override {
    Mask mask{};
    if (state.everywhere()) mask.fill(~uint64_t{0});
    for (uint32_t cpu : state.cpus()) mask.at(cpu / kBits) |= uint64_t{1} << (cpu % kBits);
    pid_t tid = task.thread().value;
    kernel::checked("sched_setaffinity", SYS_sched_setaffinity, tid, sizeof(mask), kernel::arg(mask.data()));
    if (!state.everywhere() && !std::ranges::equal(cpus_of(tid), state.cpus()))
      throw Error(fmt::format("task {} can't be bound to its CPUs: the cpuset of its cgroup lacks some", tid));
  }

  void check(CheckContext& context, const image::Affinity& state) const override {
    for (uint32_t cpu : state.cpus()) {
      if (!std::ranges::binary_search(online(), cpu))
        context.add({fmt::format("CPU {}", cpu), "to be there: a task is bound to it", false, "no such CPU is online"});
    }
  }

 private:
  static image::Affinity state_of(HostPid task) {
    image::Affinity state;
    Cpus cpus = cpus_of(task.value);
    state.set_everywhere(std::ranges::includes(cpus, online()));
    if (!state.everywhere())
      for (uint32_t cpu : cpus) state.add_cpus(cpu);
    return state;
  }
};

}  // namespace

const Kind& affinity_kind() {
  static const AffinityKind kKind;
  return kKind;
}

}  // namespace cairn::resources
