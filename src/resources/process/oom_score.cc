// /proc/PID/oom_score_adj, proc_pid_oom_score_adj(5): how readily the kernel kills a process when memory is short.
// Going below what a process was born with needs CAP_SYS_RESOURCE.
#include <linux/capability.h>

#include <charconv>

#include "resources/kind.h"
#include "resources/own_rights.h"
#include "resources/process/oom_score.pb.h"

namespace cairn::resources {
namespace {

int parse(const std::string& text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

class OomScoreKind final : public AttributeKind<image::OomScore, Level::kProcess> {
 public:
  Reading<image::OomScore> describe(DescribeContext&, const TaskView& task, tracee::Batch&) const override {
    return [state = state_of(task.process().proc)] { return std::optional(state); };
  }

  std::optional<image::OomScore> describe_remains(DescribeContext&, const kernel::ProcDir& zombie) const override {
    return state_of(zombie);
  }

  void apply(RestoreContext&, const image::OomScore& state, RestoredTask& task) const override {
    std::string path = fmt::format("/proc/{}/oom_score_adj", task.process().value);
    if (parse(kernel::read_file(path)) == state.adjustment()) return;
    OwnedFd file = kernel::open(path, O_WRONLY);
    std::string text = fmt::format("{}", state.adjustment());
    within([&] { return path; }, [&] { kernel::write_all(file.get(), text.data(), text.size()); });
  }

  void check(CheckContext& context, const image::OomScore& state) const override {
    int own = parse(kernel::read_file("/proc/self/oom_score_adj"));
    if (state.adjustment() >= own || has_capability(CAP_SYS_RESOURCE)) return;
    context.add({"cairn", fmt::format("the right to set oom_score_adj to {}", state.adjustment()), false,
                 fmt::format("its own is {}, and it has no CAP_SYS_RESOURCE", own)});
  }

 private:
  static image::OomScore state_of(const kernel::ProcDir& process) {
    image::OomScore state;
    state.set_adjustment(parse(process.read("oom_score_adj")));
    return state;
  }
};

}  // namespace

const Kind& oom_score_kind() {
  static const OomScoreKind kKind;
  return kKind;
}

}  // namespace cairn::resources
