// Describing an address space: its mappings, and where its program's own strings are.
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <map>
#include <set>

#include "kernel/pagemap.h"
#include "resources/memory/mm.h"
#include "resources/unsupported_object.h"

namespace cairn::resources {
namespace {

using image::Mapping;

// What follows from protection, sharing and the file, or is accounting of the kernel's own.
const std::set<std::string> kImpliedFlags = {"rd", "wr", "ex", "sh", "mr", "mw", "me", "ms", "sd", "de", "??"};

bool is_kernel_page(const std::string& name) { return name == "[vvar]" || name == "[vvar_vclock]" || name == "[vdso]"; }

uint32_t protection_of(const kernel::MapsEntry& entry) {
  return (entry.read ? PROT_READ : 0) | (entry.write ? PROT_WRITE : 0) | (entry.exec ? PROT_EXEC : 0);
}

bool is_file(const kernel::MapsEntry& entry) {
  return entry.inode != 0 || (!entry.name.empty() && entry.name[0] == '/');
}

// One description of an address space in progress.
class MmDescription {
 public:
  MmDescription(DescribeContext& context, const TaskView& task) : context_(context), task_(task) {}

  image::Mm describe() {
    for (const kernel::SmapsEntry& entry : kernel::parse_smaps(task_.proc().read("smaps"))) {
      if (context_.is_batch_region({entry.mapping.start})) {
        learn_locking(entry);
        continue;
      }
      if (entry.mapping.name == "[vsyscall]") continue;
      Place place(context_, fmt::format("mapping {:x}-{:x}", entry.mapping.start, entry.mapping.end));
      add(entry);
    }
    add_guards();
    add_addresses();
    return std::move(state_);
  }

 private:
  // Nothing shows what mlockall(2) asks of mappings to come, but cairn's own is one that came later.
  void learn_locking(const kernel::SmapsEntry& batch_region) {
    auto has = [&](const char* code) {
      return std::ranges::find(batch_region.flags, code) != batch_region.flags.end();
    };
    if (has("lo")) state_.set_locks_new(true);
    if (has("lf")) state_.set_locks_new_on_fault(true);
  }

  void add(const kernel::SmapsEntry& entry) {
    const kernel::MapsEntry& mapping = entry.mapping;
    if (is_kernel_page(mapping.name)) return add_kernel_pages(mapping);
    Mapping* added = state_.add_mappings();
    added->set_start(mapping.start);
    added->set_end(mapping.end);
    added->set_protection(protection_of(mapping));
    added->set_shared(mapping.shared);
    added->set_sort(is_file(mapping) ? Mapping::FILE : Mapping::ANONYMOUS);
    if (mapping.name.starts_with("[anon:")) added->set_name(mapping.name.substr(6, mapping.name.size() - 7));
    if (mapping.name.starts_with("[anon_shmem:")) added->set_name(mapping.name.substr(12, mapping.name.size() - 13));
    add_flags(entry, *added);
    if (is_file(mapping)) {
      added->set_offset(mapping.offset);
      added->mutable_file()->set_id(file_of(entry).value);
    }
  }

  void add_kernel_pages(const kernel::MapsEntry& mapping) {
    Mapping* last = state_.mappings_size() > 0 ? state_.mutable_mappings(state_.mappings_size() - 1) : nullptr;
    if (last != nullptr && last->sort() == Mapping::VDSO && last->end() == mapping.start) {
      last->set_end(mapping.end);
      return;
    }
    if (has_vdso_) context_.obstacle("the kernel's pages (vvar, vdso) are not in one row", "", "vdso");
    has_vdso_ = true;
    Mapping* added = state_.add_mappings();
    added->set_sort(Mapping::VDSO);
    added->set_start(mapping.start);
    added->set_end(mapping.end);
  }

  void add_flags(const kernel::SmapsEntry& entry, Mapping& added) {
    for (const std::string& code : entry.flags) {
      if (kImpliedFlags.contains(code)) continue;
      const FlagRule* rule = flag_rule(code);
      if (rule != nullptr && rule->refusal == nullptr) {
        added.add_flags(code);
      } else {
        context_.obstacle(
            rule != nullptr ? rule->refusal : fmt::format("it has the flag '{}', which is not known", code),
            "unmap it before the checkpoint", "special mappings");
      }
    }
    auto key = entry.kilobytes.find("ProtectionKey");
    if (key != entry.kilobytes.end() && key->second != 0) {
      context_.obstacle(fmt::format("it has protection key {}", key->second), "give it key 0 (pkey_mprotect)",
                        "special mappings");
    }
  }

  // Mappings of one file that need the same access share one record.
  RecordId file_of(const kernel::SmapsEntry& entry) {
    const kernel::MapsEntry& mapping = entry.mapping;
    bool may_write = mapping.shared && std::find(entry.flags.begin(), entry.flags.end(), "mw") != entry.flags.end();
    auto key = std::tuple(mapping.device_major, mapping.device_minor, mapping.inode, may_write, mapping.name);
    if (auto place = files_.find(key); place != files_.end()) return place->second;
    RecordId id;
    if (std::optional<OwnedFd> file = open_mapped(mapping)) {
      id =
          context_.description_of(std::move(*file), task_.process().pid, (may_write ? O_RDWR : O_RDONLY) | O_LARGEFILE);
    }
    return files_[key] = id;
  }

  static std::optional<OwnedFd> open_by_descriptor(const tracee::HeldProcess& process,
                                                   const kernel::MapsEntry& mapping) {
    if (process.zombie) return std::nullopt;
    for (int number : process.proc.list_numbers("fd")) {
      std::string descriptor = fmt::format("fd/{}", number);
      auto stat = stat_if_allowed(process.proc.fd(), descriptor);
      if (!stat || !S_ISREG(stat->st_mode) || stat->st_ino != mapping.inode) continue;
      if (stat->st_dev != makedev(mapping.device_major, mapping.device_minor)) continue;
      return kernel::try_open_at(process.proc.fd(), descriptor, O_RDONLY);
    }
    return std::nullopt;
  }

  static std::optional<struct stat> stat_if_allowed(int directory, const std::string& path) {
    struct stat stat {};
    long result =
        kernel::call("newfstatat", SYS_newfstatat, directory, kernel::arg(path.c_str()), kernel::arg(&stat), 0);
    return result < 0 ? std::nullopt : std::optional(stat);
  }

  // Device 1:5 (/dev/zero): anonymous memory under that name.
  static bool is_zero_device(const struct stat& stat) { return S_ISCHR(stat.st_mode) && stat.st_rdev == makedev(1, 5); }

  // Opening a device could change it, so only regular files are opened (shared memory is one too).
  std::optional<OwnedFd> open_mapped(const kernel::MapsEntry& mapping) {
    std::string link = fmt::format("map_files/{:x}-{:x}", mapping.start, mapping.end);
    auto matches = [&](const std::optional<struct stat>& stat) {
      return stat && (S_ISREG(stat->st_mode) || is_zero_device(*stat)) && stat->st_ino == mapping.inode;
    };
    const kernel::ProcDir& proc = task_.process().proc;
    if (matches(stat_if_allowed(proc.fd(), link))) return kernel::try_open_at(proc.fd(), link, O_RDONLY);
    // Only CAP_CHECKPOINT_RESTORE may follow map_files; an ordinary user opens by name, or what is open anyway.
    if (!mapping.deleted && matches(stat_if_allowed(AT_FDCWD, mapping.name))) {
      return kernel::try_open_at(AT_FDCWD, mapping.name, O_RDONLY);
    }
    for (const tracee::HeldProcess& process : context_.processes()) {
      if (auto file = open_by_descriptor(process, mapping)) return file;
    }
    Refusal refusal = refuse_mapping(mapping);
    context_.obstacle(std::move(refusal.reason), std::move(refusal.remedy), "mapped files");
    return std::nullopt;
  }

  void add_guards() {
    OwnedFd pagemap = task_.process().proc.open_file("pagemap", O_RDONLY);
    auto guards = kernel::guard_pages(pagemap.get(), 0, kTopOfUserSpace);
    bool has_guards =
        std::ranges::any_of(state_.mappings(), [](const Mapping& mapping) { return has_flag(mapping, "gu"); });
    if (!guards && has_guards)
      context_.obstacle("this kernel hides its guard pages", "remove them", "special mappings");
    for (const kernel::PageRange& range : guards.value_or(std::vector<kernel::PageRange>{})) {
      state_.add_guard_address(range.start);
      state_.add_guard_length(range.end - range.start);
    }
  }

  void add_addresses() {
    kernel::Stat stat = task_.process().proc.stat();
    auto field = [&](int number) { return static_cast<uint64_t>(stat.field(number)); };
    state_.set_start_code(field(26));
    state_.set_end_code(field(27));
    state_.set_start_stack(field(28));
    state_.set_start_data(field(45));
    state_.set_end_data(field(46));
    state_.set_start_brk(field(47));
    state_.set_arg_start(field(48));
    state_.set_arg_end(field(49));
    state_.set_env_start(field(50));
    state_.set_env_end(field(51));
    state_.set_auxv(task_.process().proc.read("auxv"));
    Place place(context_, "executable");
    if (auto file = kernel::try_open_at(task_.process().proc.fd(), "exe", O_RDONLY)) {
      state_.mutable_executable()->set_id(
          context_.description_of(std::move(*file), task_.process().pid, O_RDONLY | O_LARGEFILE).value);
    }
  }

  DescribeContext& context_;
  const TaskView& task_;
  image::Mm state_;
  bool has_vdso_ = false;
  std::map<std::tuple<uint32_t, uint32_t, uint64_t, bool, std::string>, RecordId> files_;
};

}  // namespace

image::Mm describe_mm(DescribeContext& context, const TaskView& task) {
  return MmDescription(context, task).describe();
}

}  // namespace cairn::resources
