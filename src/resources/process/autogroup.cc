// sched(7): each session is an autogroup, which the scheduler weighs against others by a nice value of its own. It is
// seen and set by /proc/PID/autogroup. A process that is in another autogroup than the leader of its session, which is
// so when autogroups were switched on or off meanwhile, comes to that of the leader.
#include <charconv>

#include "resources/kind.h"
#include "resources/process/autogroup.pb.h"

namespace cairn::resources {
namespace {

// Of "/autogroup-123 nice 5"; nothing where there are no autogroups or they are switched off.
std::optional<int> nice_of(const std::optional<std::string>& text) {
  constexpr std::string_view kNice = " nice ";
  size_t place = text ? text->find(kNice) : std::string::npos;
  if (place == std::string::npos) return std::nullopt;
  int nice = 0;
  std::from_chars(text->data() + place + kNice.size(), text->data() + text->size(), nice);
  return nice;
}

class AutogroupKind final : public AttributeKind<image::Autogroup, Level::kProcess> {
 public:
  Reading<image::Autogroup> describe(DescribeContext& context, const TaskView& task, tracee::Batch&) const override {
    HostPid pid = task.process().pid;
    std::optional<int> nice;
    if (task.stat().session() == pid.value) nice = nice_of(task.process().proc.try_read("autogroup"));
    return [&context, pid, nice]() -> std::optional<image::Autogroup> {
      if (nice.value_or(0) == 0) return {};
      image::Autogroup state;
      state.set_nice(*nice);
      state.mutable_session()->set_id(context.process(pid).value);
      return state;
    };
  }

  void apply(RestoreContext&, const image::Autogroup& state, RestoredTask& task) const override {
    if (!task.batch().empty()) task.batch().flush();  // with the setsid
    OwnedFd file = kernel::open(fmt::format("/proc/{}/autogroup", task.process().value), O_WRONLY);
    std::string nice = fmt::format("{}", state.nice());
    kernel::write_all(file.get(), nice.data(), nice.size());
  }
};

}  // namespace

const Kind& autogroup_kind() {
  static const AutogroupKind kKind;
  return kKind;
}

}  // namespace cairn::resources
