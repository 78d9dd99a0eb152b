// The label that a Linux security module (SELinux, AppArmor, Smack) has given a task: /proc/TID/attr/current. It comes
// from what was executed, and tasks of a restore have cairn's own: equal labels are a precondition.
#include "resources/security_label.h"

#include "resources/kind.h"
#include "resources/process/security_label.pb.h"

namespace cairn::resources {
namespace {

std::string trimmed(std::string label) {
  while (label.ends_with('\n') || label.ends_with('\0')) label.pop_back();
  return label;
}

std::optional<std::string> try_read_label(int directory, const std::string& path) {
  auto file = kernel::try_open_at(directory, path, O_RDONLY);
  if (!file) return {};
  std::string label(4096, '\0');
  long size = kernel::call("read", SYS_read, file->get(), kernel::arg(label.data()), static_cast<long>(label.size()));
  if (size < 0) return {};
  label.resize(static_cast<size_t>(size));
  return trimmed(label);
}

class SecurityLabelKind final : public AttributeKind<image::SecurityLabel, Level::kTask> {
 public:
  Reading<image::SecurityLabel> describe(DescribeContext&, const TaskView& task, tracee::Batch&) const override {
    std::optional<image::SecurityLabel> state;
    if (own_label())
      if (auto label = label_of(task.proc())) state.emplace().set_label(*label);
    return [state] { return state; };
  }

  void apply(RestoreContext&, const image::SecurityLabel&, RestoredTask&) const override {}

  void check(CheckContext& context, const image::SecurityLabel& state) const override {
    if (state.label() == own_label().value_or("")) return;
    context.add({"cairn", fmt::format("to run under the security label {}", state.label()), false,
                 own_label().value_or("no security module")});
  }
};

}  // namespace

std::optional<std::string> label_of(const kernel::ProcDir& task) { return try_read_label(task.fd(), "attr/current"); }

const std::optional<std::string>& own_label() {
  static const auto kLabel = try_read_label(AT_FDCWD, "/proc/self/attr/current");
  return kLabel;
}

const Kind& security_label_kind() {
  static const SecurityLabelKind kKind;
  return kKind;
}

}  // namespace cairn::resources
