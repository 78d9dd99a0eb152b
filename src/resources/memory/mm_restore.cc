// Building address spaces, from the root of the tree down.
#include <asm/prctl.h>
#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <map>
#include <optional>

#include "kernel/constants.h"
#include "memory/page_copy.h"
#include "resources/memory/mm.h"
#include "resources/registry.h"

namespace cairn::resources {
namespace {

using image::Mapping;

constexpr long kArchMapVdso64 = 0x2003;  // ARCH_MAP_VDSO_64, Linux 4.9

// Anonymous private pages become common to two processes only by fork. So what a child has in common with its creator,
// or with a sibling, must be in the creator's memory when it clones the child, even if the creator has changed it
// since.
class Inheritance {
 public:
  explicit Inheritance(RestoreContext& context) : context_(context) {}

  // The address spaces that are cloned from this one.
  const std::vector<RecordId>& heirs(RecordId mm) const { return lines().heirs[mm]; }

  // The address space that this one is cloned from; 0 for the root's.
  RecordId creator(RecordId mm) const { return lines().creators[mm]; }

  // What this one must hold while its heirs are cloned.
  const memory::Extents& wanted(RecordId mm) const {
    auto& known = context_.once<std::map<RecordId, memory::Extents>>();
    auto place = known.find(mm);
    return place != known.end() ? place->second : known.emplace(mm, find_wanted(mm)).first->second;
  }

 private:
  memory::Extents find_wanted(RecordId mm) const {
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

  struct Lines {
    std::map<RecordId, std::vector<RecordId>> heirs;
    std::map<RecordId, RecordId> creators;
  };

  Lines& lines() const {
    auto& known = context_.once<std::optional<Lines>>();
    if (!known) known = find_lines();
    return *known;
  }

  // A parent isn't always the creator. Zombies and phantoms pass on what they were cloned with.
  Lines find_lines() const {
    Lines lines;
    const graph::Tree& tree = context_.tree();
    for (RecordId process : tree.processes()) {
      RecordId mm = mm_of(process);
      if (!mm || tree.actor(mm) != tree.process(process).leader()) continue;
      RecordId from = context_.births().of(process).creator;
      while (from && !mm_of(from)) from = context_.births().of(from).creator;
      if (!from) continue;
      lines.creators[mm] = mm_of(from);
      lines.heirs[mm_of(from)].push_back(mm);
    }
    return lines;
  }

  RecordId mm_of(RecordId process) const {
    return {context_.records().state<image::Task>(context_.tree().process(process).leader()).mm().id()};
  }

  RestoreContext& context_;
};

// Whether a mapping that was cloned can become this one.
bool can_become(const Mapping& from, const Mapping& to) {
  return is_private(to) && from.start() == to.start() && from.end() == to.end() && from.sort() == to.sort() &&
         from.file().id() == to.file().id() && from.offset() == to.offset() &&
         has_flag(from, "gd") == has_flag(to, "gd") && has_flag(from, "nr") == has_flag(to, "nr") &&
         from.policy().SerializeAsString() == to.policy().SerializeAsString();
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
    install_guards();
    task_.batch().flush();
    memory::fill_pages(task_.process(), memory::pages_not_same(extents_, held_.pages), context_.image());
    for (int i = 0; i < state_.mappings_size(); ++i) finish(state_.mappings(i), is_held(i));
    set_addresses();
    if (state_.locks_new())
      task_.room(1).call(SYS_mlockall, MCL_FUTURE | (state_.locks_new_on_fault() ? MCL_ONFAULT : 0));
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
      if (file.id() == 0 || mapper_of(context_.records().at({file.id()})) != nullptr) return;
      if (numbers_.emplace(file.id(), -1).second) records.push_back({file.id()});
    };
    for (const Mapping& mapping : state_.mappings()) want(mapping.file());
    want(state_.executable());
    std::vector<int> fds;
    for (RecordId record : records) fds.push_back(context_.fd(record));
    std::vector<int> numbers = context_.hand_over(task_, fds);
    for (size_t i = 0; i < records.size(); ++i) numbers_[records[i].value] = numbers[i];
  }

  // They hold nothing, and can't be made in locked memory.
  void install_guards() {
    if (state_.guard_length_size() != state_.guard_address_size()) {
      throw Error("the guard columns of an address space differ in length", Failure::kDamagedImage);
    }
    for (int i = 0; i < state_.guard_address_size(); ++i) {
      task_.room(1).call(SYS_madvise, state_.guard_address(i), state_.guard_length(i), kernel::kMadviseGuardInstall);
    }
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
    if (mapping.sort() == Mapping::VDSO) {
      task_.room(1).call(SYS_arch_prctl, kArchMapVdso64, mapping.start());
      return;
    }
    map_memory(mapping, protection);
    if (mapping.has_policy()) bind_to_nodes(mapping, task_);  // before it is filled
  }

  void map_memory(const Mapping& mapping, uint32_t protection) {
    uint64_t size = mapping.end() - mapping.start();
    if (mapping.sort() == Mapping::FILE) {
      const Record& record = context_.records().at({mapping.file().id()});
      if (const AnyMapper* mapper = mapper_of(record))
        return mapper->map(context_, record, task_, {mapping.start(), size, mapping.offset(), protection});
    }
    int flags = MAP_FIXED_NOREPLACE | (mapping.shared() ? MAP_SHARED : MAP_PRIVATE);
    if (mapping.sort() == Mapping::ANONYMOUS) flags |= MAP_ANONYMOUS;
    if (has_flag(mapping, "gd")) flags |= MAP_GROWSDOWN;
    if (has_flag(mapping, "nr")) flags |= MAP_NORESERVE;
    int file = mapping.sort() == Mapping::FILE ? numbers_.at(mapping.file().id()) : -1;
    task_.room(1).call(SYS_mmap, mapping.start(), size, protection, flags, file, mapping.offset());
  }

  void finish(const Mapping& mapping, bool held) {
    if (mapping.sort() == Mapping::VDSO) return;
    uint64_t size = mapping.end() - mapping.start();
    if (held || first_protection(mapping) != mapping.protection()) {
      task_.room(1).call(SYS_mprotect, mapping.start(), size, mapping.protection());
    }
    for (const std::string& code : mapping.flags()) {
      const FlagRule* rule = flag_rule(code);
      if (rule != nullptr && rule->advice >= 0) task_.room(1).call(SYS_madvise, mapping.start(), size, rule->advice);
    }
    if (has_flag(mapping, "lo")) lock(mapping);
    if (!mapping.name().empty()) {
      tracee::Batch& batch = task_.room(1, mapping.name().size() + 1);
      batch.call(SYS_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, mapping.start(), size, batch.put(mapping.name()));
    }
  }

  // Guard pages can't be populated, which is told when they are locked already.
  void lock(const Mapping& mapping) {
    uint64_t size = mapping.end() - mapping.start();
    int flags = has_flag(mapping, "lf") ? MLOCK_ONFAULT : 0;
    if (has_flag(mapping, "gu")) {
      task_.room(1).try_call(SYS_mlock2, mapping.start(), size, flags);
    } else {
      task_.room(1).call(SYS_mlock2, mapping.start(), size, flags);
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

}  // namespace

void grow_mm(RestoreContext& context, RecordId mm, RestoredTask& task) { MmBuilder(context, mm, task).grow(); }

void make_mm(RestoreContext& context, RecordId mm, RestoredTask& task) { MmBuilder(context, mm, task).make(); }

}  // namespace cairn::resources
