// credentials(7), capabilities(7): user and group ids, supplementary groups, the five capability sets, securebits and
// no_new_privs. Each thread has its own. All but the securebits is in /proc/TID/status, with the ids of cairn's user
// namespace. A new task has cairn's credentials; where they are the recorded ones already nothing is done, so that
// ordinary users need no privilege. Any change resets the dumpable flag and the signal of the parent's death.
//
// In a user namespace that cairn makes for an ordinary user a new task has that user's ids and groups, and every
// capability there, which it gives up. Groups keep their rights, but getgroups(2) tells 65534 of those that aren't
// mapped.
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

#include "resources/kind.h"
#include "resources/own_rights.h"
#include "resources/process/credentials.pb.h"

namespace cairn::resources {
namespace {

uint64_t bit(int capability) { return uint64_t{1} << capability; }

void store_sets(const kernel::KeyValues& status, image::Credentials& state) {
  state.set_inheritable(status.hex("CapInh"));
  state.set_permitted(status.hex("CapPrm"));
  state.set_effective(status.hex("CapEff"));
  state.set_bounding(status.hex("CapBnd"));
  state.set_ambient(status.hex("CapAmb"));
  state.set_no_new_privileges(status.number("NoNewPrivs") != 0);
}

void store_users(const std::vector<int64_t>& ids, image::Credentials& state) {
  state.set_user(static_cast<uint32_t>(ids.at(0)));
  state.set_effective_user(static_cast<uint32_t>(ids.at(1)));
  state.set_saved_user(static_cast<uint32_t>(ids.at(2)));
  state.set_file_user(static_cast<uint32_t>(ids.at(3)));
}

void store_groups(const std::vector<int64_t>& ids, image::Credentials& state) {
  state.set_group(static_cast<uint32_t>(ids.at(0)));
  state.set_effective_group(static_cast<uint32_t>(ids.at(1)));
  state.set_saved_group(static_cast<uint32_t>(ids.at(2)));
  state.set_file_group(static_cast<uint32_t>(ids.at(3)));
}

image::Credentials credentials_of(const kernel::KeyValues& status) {
  image::Credentials state;
  store_users(status.numbers("Uid"), state);
  store_groups(status.numbers("Gid"), state);
  for (int64_t group : status.numbers("Groups")) state.add_groups(static_cast<uint32_t>(group));
  store_sets(status, state);
  return state;
}

// Those of cairn.
const image::Credentials& own() {
  static const image::Credentials kOwn = [] {
    image::Credentials state = credentials_of(own_status());
    long bits = kernel::checked("prctl(PR_GET_SECUREBITS)", SYS_prctl, PR_GET_SECUREBITS);
    state.set_secure_bits(static_cast<uint32_t>(bits));
    return state;
  }();
  return kOwn;
}

// What a task of ours is born with.
image::Credentials birth_credentials(const RestoreContext& context) {
  if (context.birth_status() == nullptr) return own();
  image::Credentials state = credentials_of(*context.birth_status());
  state.set_secure_bits(0);  // of a new user namespace
  return state;
}

bool equal(const image::Credentials& a, const image::Credentials& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

bool same_users(const image::Credentials& a, const image::Credentials& b) {
  return a.user() == b.user() && a.effective_user() == b.effective_user() && a.saved_user() == b.saved_user() &&
         a.file_user() == b.file_user();
}

bool same_groups(const image::Credentials& a, const image::Credentials& b) {
  return a.group() == b.group() && a.effective_group() == b.effective_group() && a.saved_group() == b.saved_group() &&
         a.file_group() == b.file_group() && std::ranges::equal(a.groups(), b.groups());
}

bool same_sets(const image::Credentials& a, const image::Credentials& b) {
  return a.inheritable() == b.inheritable() && a.permitted() == b.permitted() && a.effective() == b.effective() &&
         a.bounding() == b.bounding() && a.ambient() == b.ambient() && a.secure_bits() == b.secure_bits();
}

struct Ids {
  uint32_t real, effective, saved;
};

class CredentialsKind final : public AttributeKind<image::Credentials, Level::kTask> {
 public:
  Reading<image::Credentials> describe(DescribeContext&, const TaskView& task, tracee::Batch& batch) const override {
    image::Credentials state = credentials_of(task.status());
    auto secure_bits = batch.call(SYS_prctl, PR_GET_SECUREBITS, 0, 0, 0, 0);
    return [=]() mutable {
      state.set_secure_bits(static_cast<uint32_t>(secure_bits.value()));
      return std::optional(state);
    };
  }

  // The secure bits of a zombie can't be seen.
  std::optional<image::Credentials> describe_remains(DescribeContext&, const kernel::ProcDir& zombie) const override {
    return credentials_of(zombie.status());
  }

  void apply(RestoreContext& context, const image::Credentials& state, RestoredTask& task) const override {
    image::Credentials born = birth_credentials(context);
    if (equal(state, born)) return;
    if (state.no_new_privileges() && !born.no_new_privileges())
      task.room(1).call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    // With this bit a change of user ids leaves the capabilities alone.
    bool sets_change = !same_sets(state, born) || !same_users(state, born);
    if (sets_change) set_secure_bits(task, born.secure_bits() | SECBIT_NO_SETUID_FIXUP);
    if (!same_groups(state, born)) set_groups(task, state);
    if (!same_users(state, born)) set_users(task, state);
    if (sets_change) set_sets(task, state, born.bounding());
  }

  void check(CheckContext& context, const image::Credentials& state) const override {
    auto require = [&](bool met, std::string needed) {
      if (!met) context.add({"cairn", std::move(needed), false, "it has not; restore as a user that may do that"});
    };
    bool may_change_ids = !context.has_own_users();
    require(same_users(state, own()) || (may_change_ids && has_capability(CAP_SETUID)),
            fmt::format("the right to become user {} (CAP_SETUID)", state.effective_user()));
    require(same_groups(state, own()) || (may_change_ids && has_capability(CAP_SETGID)),
            fmt::format("the right to set its groups, such as {} (CAP_SETGID)", state.effective_group()));
    bool sets_change = !same_sets(state, own()) || !same_users(state, own());
    require(!sets_change || context.has_own_users() || has_capability(CAP_SETPCAP),
            "the right to set capabilities (CAP_SETPCAP)");
    uint64_t lacks = (state.permitted() & ~own().permitted()) | (state.bounding() & ~own().bounding());
    for (int capability = 0; lacks != 0 && capability < 64; ++capability)
      require((lacks & bit(capability)) == 0, fmt::format("capability {}, which a task has", capability));
    require(state.no_new_privileges() || !own().no_new_privileges(), "new privileges (its own no_new_privs is set)");
  }

 private:
  static void set_secure_bits(RestoredTask& task, uint32_t bits) {
    task.room(1).call(SYS_prctl, PR_SET_SECUREBITS, bits, 0, 0, 0);
  }

  static void set_groups(RestoredTask& task, const image::Credentials& state) {
    size_t count = static_cast<size_t>(state.groups_size());
    tracee::Batch& batch = task.room(3, count * sizeof(gid_t));
    batch.call(SYS_setgroups, count, batch.put(state.groups().data(), count * sizeof(gid_t)));
    batch.call(SYS_setresgid, state.group(), state.effective_group(), state.saved_group());
    batch.call(SYS_setfsgid, state.file_group());
  }

  static void set_users(RestoredTask& task, const image::Credentials& state) {
    tracee::Batch& batch = task.room(2);
    batch.call(SYS_setresuid, state.user(), state.effective_user(), state.saved_user());
    batch.call(SYS_setfsuid, state.file_user());
  }

  // Inheritable capabilities have to be within the bounding set when they are raised, but may stay when it shrinks.
  // Ambient ones have to be permitted and inheritable. The last call gives up the right to make the others.
  static void set_sets(RestoredTask& task, const image::Credentials& state, uint64_t born_bounding) {
    uint64_t needed = state.permitted() | bit(CAP_SETPCAP);
    set_capabilities(task, state.inheritable(), needed, needed);
    task.room(1).call(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    each(state.ambient(), [&](int n) { task.room(1).call(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, n, 0, 0); });
    each(born_bounding & ~state.bounding(), [&](int n) { task.room(1).call(SYS_prctl, PR_CAPBSET_DROP, n, 0, 0, 0); });
    set_secure_bits(task, state.secure_bits());
    set_capabilities(task, state.inheritable(), state.permitted(), state.effective());
  }

  static void each(uint64_t set, const std::function<void(int)>& action) {
    for (; set != 0; set &= set - 1) action(std::countr_zero(set));
  }

  static void set_capabilities(RestoredTask& task, uint64_t inheritable, uint64_t permitted, uint64_t effective) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    struct {
      __user_cap_data_struct halves[_LINUX_CAPABILITY_U32S_3];
    } data{};
    for (size_t half = 0; half < _LINUX_CAPABILITY_U32S_3; ++half) {
      auto part = [&](uint64_t set) { return static_cast<uint32_t>(set >> (32 * half)); };
      data.halves[half] = {part(effective), part(permitted), part(inheritable)};
    }
    tracee::Batch& batch = task.room(1, sizeof(header) + sizeof(data));
    batch.call(SYS_capset, batch.put(header), batch.put(data));
  }
};

}  // namespace

const Kind& credentials_kind() {
  static const CredentialsKind kKind;
  return kKind;
}

}  // namespace cairn::resources
