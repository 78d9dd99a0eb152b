// landlock(7): what a program has forbidden itself. Nothing shows it, and it can't be read back. But a task in a domain
// may not look at processes outside of it (ptrace(2), kcmp(2)), whatever its ids and capabilities say. So it is asked
// to compare itself with a process that it may look at otherwise: cairn, or a witness that cairn makes for it.
//
// Who calls landlock_restrict_self(2) must have given up new privileges, or have CAP_SYS_ADMIN. Tasks that have not
// given them up are asked where cairn itself will do; a domain of others is not seen, nor one under another label of a
// security module, which may say no as well.
#include <linux/capability.h>
#include <linux/kcmp.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "resources/kind.h"
#include "resources/own_rights.h"
#include "resources/process/landlock.pb.h"
#include "resources/security_label.h"
#include "resources/witness.h"

namespace cairn::resources {
namespace {

using kernel::KeyValues;

bool host_has_landlock() {
  static const bool kHas =
      kernel::call("landlock_create_ruleset", SYS_landlock_create_ruleset, 0, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
  return kHas;
}

bool in_own_pid_namespace(const KeyValues& status) { return status.numbers("NSpid").size() == 1; }

bool all_are(const std::vector<int64_t>& ids, int64_t real) {
  return std::all_of(ids.begin(), ids.begin() + 3, [&](int64_t id) { return id == real; });
}

// Whether ids and capabilities let a task of this status look at cairn, as __ptrace_may_access() of the kernel has it.
bool may_look_at_cairn(const KeyValues& status) {
  if (!in_own_pid_namespace(status)) return false;
  if ((status.hex("CapEff") >> CAP_SYS_PTRACE & 1) != 0) return true;
  static const bool kDumpable = kernel::call("prctl", SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0) == 1;
  const KeyValues& own = own_status();
  return kDumpable && all_are(own.numbers("Uid"), status.numbers("Uid").at(0)) &&
         all_are(own.numbers("Gid"), status.numbers("Gid").at(0)) && (own.hex("CapPrm") & ~status.hex("CapPrm")) == 0;
}

// Those of one checkpoint, by the ids and the pid namespace that they share with a task.
class Witnesses {
 public:
  std::optional<NamespacePid> find(const TaskView& task) {
    const KeyValues& status = task.status();
    WitnessIds ids{.user = static_cast<uid_t>(status.numbers("Uid").at(0)),
                   .group = static_cast<gid_t>(status.numbers("Gid").at(0))};
    std::string space = task.process().proc.try_read_link("ns/pid").value_or("");
    std::unique_ptr<Witness>& witness = witnesses_[{ids.user, ids.group, space}];
    if (!witness) witness = make(task, ids);
    return witness->pid();
  }
  void end() { witnesses_.clear(); }

 private:
  static std::unique_ptr<Witness> make(const TaskView& task, WitnessIds ids) {
    if (in_own_pid_namespace(task.status())) return std::make_unique<Witness>(ids);
    const kernel::ProcDir& proc = task.process().proc;
    OwnedFd pids = kernel::open_at(proc.fd(), "ns/pid", O_RDONLY), users;
    ids.pid_namespace = pids.get();
    if (proc.try_read_link("ns/user") != kernel::try_read_link_at(AT_FDCWD, "/proc/self/ns/user")) {
      users = kernel::open_at(proc.fd(), "ns/user", O_RDONLY);
      ids.user_namespace = users.get();
    }
    return std::make_unique<Witness>(ids);
  }

  std::map<std::tuple<uid_t, gid_t, std::string>, std::unique_ptr<Witness>> witnesses_;
};

struct Restricted {
  std::set<HostPid> processes;
};

class LandlockKind final : public AttributeKind<image::Landlock, Level::kTask> {
 public:
  Reading<image::Landlock> describe(DescribeContext& context, const TaskView& task,
                                    tracee::Batch& batch) const override {
    bool may_look = host_has_landlock() && may_look_at_cairn(task.status());
    bool may_be_restricted = host_has_landlock() && task.status().number("NoNewPrivs") != 0;
    if (!may_look && !may_be_restricted) return [] { return std::nullopt; };
    std::optional<tracee::Pending> seen;
    if (in_own_pid_namespace(task.status())) seen = look_at(context, task, batch, {::getpid()});
    return [&context, &task, &batch, may_look, seen]() -> std::optional<image::Landlock> {
      if ((seen && !seen->failed()) || label_of(task.proc()) != own_label()) return {};
      if (may_look ? seen->value() == -EPERM : is_kept_from_witness(context, task, batch)) refuse(context, task);
      return {};
    };
  }

  void apply(RestoreContext&, const image::Landlock&, RestoredTask&) const override {}

 private:
  static tracee::Pending look_at(DescribeContext& context, const TaskView& task, tracee::Batch& batch,
                                 NamespacePid other) {
    return room(batch, 1, 0).try_call(SYS_kcmp, context.number_of(task.thread()).value, other.value, KCMP_VM, 0, 0);
  }

  static bool is_kept_from_witness(DescribeContext& context, const TaskView& task, tracee::Batch& batch) {
    auto& witnesses = context.once<Witnesses>();
    context.at_end([&] { witnesses.end(); });
    auto witness = witnesses.find(task);
    if (!witness) return false;
    auto seen = look_at(context, task, batch, *witness);
    batch.flush();
    return seen.value() == -EPERM;
  }

  static void refuse(DescribeContext& context, const TaskView& task) {
    if (!context.once<Restricted>().processes.insert(task.process().pid).second)
      return;  // another thread has been found
    context.obstacle("it has restricted itself by Landlock, and what it has forbidden itself shows nowhere",
                     "start the program without that sandbox", "Landlock");
  }
};

}  // namespace

const Kind& landlock_kind() {
  static const LandlockKind kKind;
  return kKind;
}

}  // namespace cairn::resources
