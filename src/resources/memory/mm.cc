// An address space (mm_struct): its mappings with protection, advice and names, the pages of its private memory, and
// the addresses that /proc/PID/cmdline, environ, auxv and exe come from.
//
// Seen in /proc/PID/maps, smaps (VmFlags), stat, auxv and pagemap. Content of shared memory belongs to the files behind
// it. A private page of a file mapping is stored once it was copied, even if its bytes equal the file's: it no longer
// follows the file. Refused by name: mappings of devices, huge TLB pages, userfaultfd ranges, sealed mappings, shadow
// stacks, protection keys.
#include <asm/prctl.h>
#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <map>
#include <set>

#include "kernel/pagemap.h"
#include "memory/page_copy.h"
#include "resources/kind.h"
#include "resources/memory/mm.pb.h"

namespace cairn::resources {
namespace {

using image::Mapping;

constexpr long kArchMapVdso64 = 0x2003;               // ARCH_MAP_VDSO_64, Linux 4.9
constexpr uint64_t kTopOfUserSpace = 0x7ffffffff000;  // four levels of page tables

// How the flag codes of smaps (Documentation/filesystems/proc.rst) are kept.
struct FlagRule {
  const char* code;
  int advice;           // madvise(2) that sets it; -1: by other means
  const char* refusal;  // not null: can't be kept
};
constexpr FlagRule kFlagRules[] = {
    {"dc", MADV_DONTFORK, nullptr},
    {"wf", MADV_WIPEONFORK, nullptr},
    {"dd", MADV_DONTDUMP, nullptr},
    {"hg", MADV_HUGEPAGE, nullptr},
    {"nh", MADV_NOHUGEPAGE, nullptr},
    {"mg", MADV_MERGEABLE, nullptr},
    {"sr", MADV_SEQUENTIAL, nullptr},
    {"rr", MADV_RANDOM, nullptr},
    {"lo", -1, nullptr},
    {"lf", -1, nullptr},
    {"gd", -1, nullptr},
    {"nr", -1, nullptr},
    {"ac", -1, nullptr},
    {"gu", 0, "it has guard pages (MADV_GUARD_INSTALL)"},
    {"ht", 0, "it is made of huge TLB pages"},
    {"um", 0, "a userfaultfd handles its missing pages"},
    {"uw", 0, "a userfaultfd watches its writes"},
    {"ui", 0, "a userfaultfd handles its minor faults"},
    {"sl", 0, "it is sealed (mseal)"},
    {"ss", 0, "it is a shadow stack"},
    {"io", 0, "it maps a device's memory"},
    {"pf", 0, "it maps a device's pages"},
    {"mm", 0, "it maps a device's pages"},
    {"nl", 0, "it is not linear (remap_file_pages)"},
    {"sf", 0, "its writes are synchronous (MAP_SYNC)"},
    {"mt", 0, "it has memory tags"},
    {"dp", 0, "it is droppable memory (MAP_DROPPABLE)"},
};
// What follows from protection, sharing and the file, or is accounting of the kernel's own.
const std::set<std::string> kImpliedFlags = {"rd", "wr", "ex", "sh", "mr", "mw", "me", "ms", "sd", "de", "??"};

const FlagRule* rule_of(const std::string& code) {
  for (const FlagRule& rule : kFlagRules) {
    if (code == rule.code) return &rule;
  }
  return nullptr;
}

bool has_flag(const Mapping& mapping, std::string_view code) {
  return std::find(mapping.flags().begin(), mapping.flags().end(), code) != mapping.flags().end();
}

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
      if (entry.mapping.name == "[vsyscall]" || context_.is_batch_region({entry.mapping.start})) continue;
      Place place(context_, fmt::format("mapping {:x}-{:x}", entry.mapping.start, entry.mapping.end));
      add(entry);
    }
    add_addresses();
    return std::move(state_);
  }

 private:
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
      const FlagRule* rule = rule_of(code);
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
      context_.obstacle(fmt::format("it has protection key {}", key->second), "free the key (pkey_free)",
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

  // Opening a device could change it, so only regular files are opened (shared memory is one too).
  std::optional<OwnedFd> open_mapped(const kernel::MapsEntry& mapping) {
    std::string link = fmt::format("map_files/{:x}-{:x}", mapping.start, mapping.end);
    auto matches = [&](const std::optional<struct stat>& stat) {
      return stat && S_ISREG(stat->st_mode) && stat->st_ino == mapping.inode;
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
    context_.obstacle(fmt::format("it maps {}{}, which is no regular file that can be opened", mapping.name,
                                  mapping.deleted ? " (deleted)" : ""),
                      "unmap it before the checkpoint; for deleted files and shared memory run cairn as root",
                      "mapped files");
    return std::nullopt;
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
    if (task_.process().proc.try_read_link("exe").value_or("").ends_with(" (deleted)")) {
      context_.obstacle("it was deleted", "keep the program's file in place", "mapped files");
    }
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

// The ranges of private mappings that hold something of their own.
std::vector<memory::SourceRange> private_content(const image::Mm& state, int pagemap) {
  std::vector<kernel::PageRange> pages = kernel::populated_pages(pagemap, 0, kTopOfUserSpace);
  std::vector<memory::SourceRange> ranges;
  auto page = pages.begin();
  for (const Mapping& mapping : state.mappings()) {
    if (mapping.shared() || mapping.sort() == Mapping::VDSO) continue;
    bool readable = (mapping.protection() & PROT_READ) != 0;
    while (page != pages.end() && page->end <= mapping.start()) ++page;
    for (auto at = page; at != pages.end() && at->start < mapping.end(); ++at) {
      if (at->file) continue;
      ranges.push_back({std::max(at->start, mapping.start()), std::min(at->end, mapping.end()), readable});
    }
  }
  return ranges;
}

std::vector<memory::Extent> extents_of(const image::Mm& state) {
  if (state.page_length_size() != state.page_address_size() || state.page_offset_size() != state.page_address_size()) {
    throw Error("the page columns of an address space differ in length", Failure::kDamagedImage);
  }
  std::vector<memory::Extent> extents;
  for (int i = 0; i < state.page_address_size(); ++i) {
    extents.push_back({state.page_address(i), state.page_length(i), state.page_offset(i)});
  }
  return extents;
}

// Anonymous private pages become common to two processes only by fork. So what a child has in common with its creator,
// or with a sibling, must be in the creator's memory when it clones the child, even if the creator has changed it
// since.
class Inheritance {
 public:
  explicit Inheritance(const RestoreContext& context) : context_(context) {}

  // The address spaces that are cloned from this one.
  std::vector<RecordId> heirs(RecordId mm) const {
    std::vector<RecordId> found;
    const graph::Tree& tree = context_.tree();
    for (RecordId child : tree.process(tree.process_of(tree.actor(mm))).children) {
      RecordId heir{context_.records().state<image::Task>(tree.process(child).leader()).mm().id()};
      if (heir && heir != mm) found.push_back(heir);
    }
    return found;
  }

  // The address space that this one is cloned from; 0 for the root's.
  RecordId creator(RecordId mm) const {
    const graph::Tree& tree = context_.tree();
    RecordId parent = tree.process(tree.process_of(tree.actor(mm))).parent;
    if (!parent) return {};
    return {context_.records().state<image::Task>(tree.process(parent).leader()).mm().id()};
  }

  // What this one must hold while its heirs are cloned.
  memory::Extents wanted(RecordId mm) const {
    memory::Extents own = extents_of(context_.records().state<image::Mm>(mm));
    memory::Extents result, among_heirs, seen;
    for (RecordId heir : heirs(mm)) {
      memory::Extents pages = memory::united_pages(extents_of(context_.records().state<image::Mm>(heir)), wanted(heir));
      result = memory::united_pages(result, memory::common_pages(pages, own));
      among_heirs = memory::united_pages(among_heirs, memory::common_pages(pages, seen));
      seen = memory::united_pages(seen, pages);
    }
    return memory::united_pages(result, among_heirs);
  }

 private:
  const RestoreContext& context_;
};

bool is_private(const Mapping& mapping) { return !mapping.shared() && mapping.sort() != Mapping::VDSO; }

// Whether a mapping that was cloned can become this one.
bool can_become(const Mapping& from, const Mapping& to) {
  return is_private(to) && from.start() == to.start() && from.end() == to.end() && from.sort() == to.sort() &&
         from.file().id() == to.file().id() && from.offset() == to.offset() &&
         has_flag(from, "gd") == has_flag(to, "gd") && has_flag(from, "nr") == has_flag(to, "nr");
}

// Builds the address space of one task, in two steps: grow() before tasks are cloned from it, make() after that.
class MmBuilder {
 public:
  MmBuilder(RestoreContext& context, RecordId mm, RestoredTask& task)
      : context_(context),
        mm_(mm),
        state_(context.records().state<image::Mm>(mm)),
        task_(task),
        extents_(extents_of(state_)),
        held_(context.held_memory(mm)) {}

  void grow() {
    keep_inherited();
    memory::Extents wanted = Inheritance(context_).wanted(mm_);
    if (wanted.empty()) return;
    take_files();
    memory::Extents to_fill;
    for (int i = 0; i < state_.mappings_size(); ++i) {
      const Mapping& mapping = state_.mappings(i);
      memory::Extents inside = memory::pages_within(wanted, mapping.start(), mapping.end());
      if (inside.empty() || !is_private(mapping)) continue;
      if (!is_held(i)) {
        map(mapping, mapping.protection() | PROT_READ | PROT_WRITE);
        held_.mappings.push_back(i);
      }
      to_fill.insert(to_fill.end(), inside.begin(), inside.end());
    }
    task_.batch().flush();
    memory::fill_pages(task_.process(), memory::pages_not_same(to_fill, held_.pages), context_.image());
    held_.pages = memory::united_pages(to_fill, held_.pages);
    close_files();
  }

  void make() {
    take_files();
    for (int i = 0; i < state_.mappings_size(); ++i) {
      if (!is_held(i)) map(state_.mappings(i), first_protection(state_.mappings(i)));
    }
    for (const memory::Extent& extent : memory::pages_not_in(held_.pages, extents_)) {
      task_.room(1).call(SYS_madvise, extent.address, extent.length, MADV_DONTNEED);
    }
    task_.batch().flush();
    memory::fill_pages(task_.process(), memory::pages_not_same(extents_, held_.pages), context_.image());
    for (int i = 0; i < state_.mappings_size(); ++i) finish(state_.mappings(i), is_held(i));
    set_addresses();
    close_files();
  }

 private:
  bool is_held(int mapping) const {
    return std::find(held_.mappings.begin(), held_.mappings.end(), mapping) != held_.mappings.end();
  }

  // Of what came with the clone, keeps the mappings that are its own too.
  void keep_inherited() {
    RecordId creator = Inheritance(context_).creator(mm_);
    if (!creator || creator == mm_) return;
    const auto& from = context_.records().state<image::Mm>(creator);
    const HeldMemory& inherited = context_.held_memory(creator);
    for (int i : inherited.mappings) {
      const Mapping& mapping = from.mappings(i);
      auto own = std::find_if(state_.mappings().begin(), state_.mappings().end(),
                              [&](const Mapping& candidate) { return can_become(mapping, candidate); });
      if (own == state_.mappings().end()) {
        task_.room(1).call(SYS_munmap, mapping.start(), mapping.end() - mapping.start());
        continue;
      }
      held_.mappings.push_back(static_cast<int>(own - state_.mappings().begin()));
      memory::Extents pages = memory::pages_within(inherited.pages, mapping.start(), mapping.end());
      held_.pages = memory::united_pages(held_.pages, pages);
    }
  }

  void close_files() {
    for (const auto& [record, number] : numbers_) task_.room(1).call(SYS_close, number);
    numbers_.clear();
  }

  void take_files() {
    std::vector<RecordId> records;
    auto want = [&](const image::Ref& file) {
      if (file.id() != 0 && numbers_.emplace(file.id(), -1).second) records.push_back({file.id()});
    };
    for (const Mapping& mapping : state_.mappings()) want(mapping.file());
    want(state_.executable());
    std::vector<int> fds;
    for (RecordId record : records) fds.push_back(context_.fd(record));
    std::vector<int> numbers = context_.hand_over(task_, fds);
    for (size_t i = 0; i < records.size(); ++i) numbers_[records[i].value] = numbers[i];
  }

  bool has_content(const Mapping& mapping) const {
    auto extent =
        std::upper_bound(extents_.begin(), extents_.end(), mapping.start(),
                         [](uint64_t address, const memory::Extent& e) { return address < e.address + e.length; });
    return extent != extents_.end() && extent->address < mapping.end();
  }

  // What is written during the restore, or was accounted for since it once was writable, is mapped writable first.
  bool writable_first(const Mapping& mapping) const {
    return !mapping.shared() && (has_content(mapping) || has_flag(mapping, "ac"));
  }

  uint32_t first_protection(const Mapping& mapping) const {
    return mapping.protection() | (writable_first(mapping) ? PROT_READ | PROT_WRITE : 0);
  }

  void map(const Mapping& mapping, uint32_t protection) {
    tracee::Batch& batch = task_.room(1);
    uint64_t size = mapping.end() - mapping.start();
    if (mapping.sort() == Mapping::VDSO) {
      batch.call(SYS_arch_prctl, kArchMapVdso64, mapping.start());
      return;
    }
    int flags = MAP_FIXED_NOREPLACE | (mapping.shared() ? MAP_SHARED : MAP_PRIVATE);
    if (mapping.sort() == Mapping::ANONYMOUS) flags |= MAP_ANONYMOUS;
    if (has_flag(mapping, "gd")) flags |= MAP_GROWSDOWN;
    if (has_flag(mapping, "nr")) flags |= MAP_NORESERVE;
    int file = mapping.sort() == Mapping::FILE ? numbers_.at(mapping.file().id()) : -1;
    batch.call(SYS_mmap, mapping.start(), size, protection, flags, file, mapping.offset());
  }

  void finish(const Mapping& mapping, bool held) {
    if (mapping.sort() == Mapping::VDSO) return;
    uint64_t size = mapping.end() - mapping.start();
    if (held || first_protection(mapping) != mapping.protection()) {
      task_.room(1).call(SYS_mprotect, mapping.start(), size, mapping.protection());
    }
    for (const std::string& code : mapping.flags()) {
      const FlagRule* rule = rule_of(code);
      if (rule != nullptr && rule->advice >= 0) task_.room(1).call(SYS_madvise, mapping.start(), size, rule->advice);
    }
    if (has_flag(mapping, "lo")) {
      task_.room(1).call(SYS_mlock2, mapping.start(), size, has_flag(mapping, "lf") ? MLOCK_ONFAULT : 0);
    }
    if (!mapping.name().empty()) {
      tracee::Batch& batch = task_.room(1, mapping.name().size() + 1);
      batch.call(SYS_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, mapping.start(), size, batch.put(mapping.name()));
    }
  }

  void set_addresses() {
    tracee::Batch& batch = task_.room(1, sizeof(prctl_mm_map) + state_.auxv().size());
    prctl_mm_map map{};
    map.start_code = state_.start_code();
    map.end_code = state_.end_code();
    map.start_data = state_.start_data();
    map.end_data = state_.end_data();
    map.start_brk = state_.start_brk();
    map.brk = state_.brk();
    map.start_stack = state_.start_stack();
    map.arg_start = state_.arg_start();
    map.arg_end = state_.arg_end();
    map.env_start = state_.env_start();
    map.env_end = state_.env_end();
    map.auxv = reinterpret_cast<__u64*>(batch.put(state_.auxv().data(), state_.auxv().size()).value);
    map.auxv_size = static_cast<uint32_t>(state_.auxv().size());
    map.exe_fd = state_.executable().id() != 0 ? static_cast<uint32_t>(numbers_.at(state_.executable().id())) : ~0U;
    batch.call(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, batch.put(map), sizeof(map), 0);
  }

  RestoreContext& context_;
  RecordId mm_;
  const image::Mm& state_;
  RestoredTask& task_;
  std::vector<memory::Extent> extents_;
  HeldMemory& held_;
  std::map<uint64_t, int> numbers_;  // file record -> descriptor in the task
};

class MmKind final : public TypedKind<image::Mm>, public AnyStructureKind {
 public:
  graph::Shape shape() const override { return graph::Shape::kMm; }
  Level level() const override { return Level::kMm; }

  AnyReading describe_any(DescribeContext& context, const TaskView& task, tracee::Batch& batch) const override {
    auto state = std::make_shared<image::Mm>(MmDescription(context, task).describe());
    tracee::Pending brk = room(batch, 1, 0).call(SYS_brk, 0);
    return [state, brk] {
      state->set_brk(static_cast<uint64_t>(brk.value()));
      return std::make_unique<image::Mm>(std::move(*state));
    };
  }

  void capture(CaptureContext& context, Record& record, int) const override {
    auto& state = record.as<image::Mm>();
    tracee::HeldProcess& process = context.process_of(record.id);
    OwnedFd pagemap = process.proc.open_file("pagemap", O_RDONLY);
    std::vector<memory::SourceRange> ranges = private_content(state, pagemap.get());
    for (const memory::Extent& extent : context.shared_pages().store(process.pid, ranges, context.pages())) {
      state.add_page_address(extent.address);
      state.add_page_length(extent.length);
      state.add_page_offset(extent.offset);
    }
  }

  void reach(RestoreContext& context, const Record& record, Milestone milestone) const override {
    MmBuilder builder(context, record.id, context.actor_of(record.id));
    if (milestone == image::GROWN) builder.grow();
    if (milestone == image::MADE) builder.make();
  }
};

}  // namespace

const Kind& mm_kind() {
  static const MmKind kKind;
  return kKind;
}

}  // namespace cairn::resources
