// keyrings(7): keys can't be read back by anybody, so a task with a keyring for its thread or process, or with keys in
// its session keyring, is refused. A session keyring as a login makes it, with nothing in it but the link to the user's
// own, is no obstacle: restored tasks have the one of whoever restores them.
//
// Asking for a session keyring gives the user's default one to a task that has none. That changes nothing for the task,
// yet it is only done where the host has session keyrings at all.
#include <linux/keyctl.h>
#include <sys/syscall.h>

#include <array>
#include <cstring>

#include "resources/kind.h"
#include "resources/process/keyrings.pb.h"

namespace cairn::resources {
namespace {

using Text = std::array<char, 128>;
using Serials = std::array<int32_t, 16>;

// /proc/keys shows those that we may see; a user whose keys we may not see is in /proc/key-users.
bool host_has_session_keyrings(uint64_t user) {
  static const auto kKeys = kernel::try_open_at(AT_FDCWD, "/proc/keys", O_RDONLY);
  if (!kKeys) return false;  // a kernel without keys
  static const std::string kVisible = kernel::read_file("/proc/keys");
  static const std::string kUsers = fmt::format("\n{}", kernel::read_file("/proc/key-users"));
  return kVisible.find("keyring   _ses") != std::string::npos ||
         (user != 0 && kUsers.find(fmt::format("\n{:5}:", user)) != std::string::npos);
}

bool is_of_user(const Text& description) {
  std::string text(description.data(), strnlen(description.data(), description.size()));
  size_t name = text.rfind(';');
  return name != std::string::npos && text.compare(name, 5, ";_uid") == 0;
}

class KeyringsKind final : public AttributeKind<image::Keyrings, Level::kTask> {
 public:
  Reading<image::Keyrings> describe(DescribeContext& context, const TaskView& task,
                                    tracee::Batch& batch) const override {
    auto thread = batch.try_call(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0);
    auto process = batch.try_call(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0);
    auto session = session_reading(task, batch);
    return [&context, thread, process, session]() -> std::optional<image::Keyrings> {
      if (!thread.failed()) refuse(context, "a keyring for this thread");
      if (!process.failed()) refuse(context, "a keyring for this process");
      if (session()) refuse(context, "keys in its session keyring");
      return {};
    };
  }

  void apply(RestoreContext&, const image::Keyrings&, RestoredTask&) const override {}

 private:
  static void refuse(DescribeContext& context, const std::string& what) {
    context.obstacle(fmt::format("it has {}, which can't be read", what), "revoke the keys (keyctl) first", "keyrings");
  }

  // Whether there are keys in it.
  static std::function<bool()> session_reading(const TaskView& task, tracee::Batch& batch) {
    bool leads = task.thread() == task.task().process();
    if (!leads || !host_has_session_keyrings(static_cast<uint64_t>(task.status().numbers("Uid").at(0))))
      return [] { return false; };
    auto id = batch.try_call(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
    auto name = batch.out<Text>();
    auto serials = batch.out<Serials>();
    batch.try_call(SYS_keyctl, KEYCTL_DESCRIBE, id, name, sizeof(Text));
    auto size = batch.try_call(SYS_keyctl, KEYCTL_READ, id, serials, sizeof(Serials));
    return [&batch, id, name, serials, size] {
      if (id.failed() || is_of_user(name.value()) || size.failed()) return false;
      auto count = static_cast<size_t>(size.value()) / sizeof(int32_t);
      return count > Serials().size() || !all_of_user(batch, serials.value(), count);
    };
  }

  static bool all_of_user(tracee::Batch& batch, const Serials& serials, size_t count) {
    std::vector<tracee::Out<Text>> names;
    for (size_t i = 0; i < count; ++i) {
      names.push_back(batch.out<Text>());
      batch.try_call(SYS_keyctl, KEYCTL_DESCRIBE, serials.at(i), names.back(), sizeof(Text));
    }
    batch.flush();
    return std::ranges::all_of(names, [](const auto& name) { return is_of_user(name.value()); });
  }
};

}  // namespace

const Kind& keyrings_kind() {
  static const KeyringsKind kKind;
  return kKind;
}

}  // namespace cairn::resources
