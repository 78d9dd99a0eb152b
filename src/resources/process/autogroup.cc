// sched(7): each session is an autogroup, which the scheduler weighs against others by a nice value of its own. It is
// seen and set by /proc/PID/autogroup. A process that is in another autogroup than the leader of its session, which is
// so when autogroups were switched on or off meanwhile, comes to that of the leader.
#include <linux/capability.h>
#include <sys/syscall.h>

#include <charconv>
#include <thread>

#include "resources/kind.h"
#include "resources/own_rights.h"
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
    if (task.leads_session()) nice = nice_of(task.process().proc.try_read("autogroup"));
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
    set_nice(file.get(), fmt::format("{}", state.nice()));
  }

  void check(CheckContext& context, const image::Autogroup& state) const override {
    if (state.nice() >= 0 || has_capability(CAP_SYS_NICE)) return;
    context.add({"cairn", "the right to set negative nice values (CAP_SYS_NICE)", false, "it hasn't"});
  }

 private:
  // Without CAP_SYS_ADMIN the kernel lets all users together set one in a tenth of a second; else it is EAGAIN.
  static void set_nice(int file, const std::string& nice) {
    constexpr auto kPause = std::chrono::milliseconds(20);
    constexpr int kMostAttempts = 250;
    for (int attempt = 1;; ++attempt) {
      long written = kernel::call("write", SYS_write, file, kernel::arg(nice.data()), static_cast<long>(nice.size()));
      if (written >= 0) return;
      if (written != -EAGAIN || attempt == kMostAttempts)
        throw Error::system("set the nice value of a session", static_cast<int>(-written));
      std::this_thread::sleep_for(kPause);
    }
  }
};

}  // namespace

const Kind& autogroup_kind() {
  static const AutogroupKind kKind;
  return kKind;
}

}  // namespace cairn::resources
