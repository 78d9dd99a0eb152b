// An address space (mm_struct): its mappings with protection, advice and names, the pages of its private memory, and
// the addresses that /proc/PID/cmdline, environ, auxv and exe come from.
//
// Seen in /proc/PID/maps, smaps (VmFlags), stat, auxv and pagemap. Content of shared memory belongs to the files behind
// it. A private page of a file mapping is stored once it was copied, even if its bytes equal the file's: it no longer
// follows the file. Refused by name: mappings of devices, huge TLB pages, userfaultfd ranges, sealed mappings, shadow
// stacks, protection keys.
#include "resources/memory/mm.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>

#include "kernel/pagemap.h"
#include "memory/page_copy.h"

namespace cairn::resources {
namespace {

using image::Mapping;

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
    {"gu", -1, nullptr},
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

// A snapshot is a fork, which gets no copy of these.
bool is_forked(const Mapping& mapping) {
  return !has_flag(mapping, "dc") && !has_flag(mapping, "wf");  // MADV_DONTFORK, MADV_WIPEONFORK
}

using Choice = bool (*)(const Mapping&);
bool all(const Mapping&) { return true; }
bool unforked(const Mapping& mapping) { return !is_forked(mapping); }

// The ranges of private mappings that hold something of their own.
std::vector<memory::SourceRange> private_content(const image::Mm& state, HostPid process, Choice is_chosen) {
  OwnedFd pagemap = kernel::open(fmt::format("/proc/{}/pagemap", process.value), O_RDONLY);
  std::vector<kernel::PageRange> pages = kernel::populated_pages(pagemap.get(), 0, kTopOfUserSpace);
  std::vector<memory::SourceRange> ranges;
  auto page = pages.begin();
  for (const Mapping& mapping : state.mappings()) {
    if (!is_private(mapping) || !is_chosen(mapping)) continue;
    bool readable = (mapping.protection() & PROT_READ) != 0;
    while (page != pages.end() && page->end <= mapping.start()) ++page;
    for (auto at = page; at != pages.end() && at->start < mapping.end(); ++at) {
      if (at->file) continue;
      ranges.push_back({std::max(at->start, mapping.start()), std::min(at->end, mapping.end()), readable});
    }
  }
  return ranges;
}

void add_pages(image::Mm& state, const memory::Extents& extents) {
  for (const memory::Extent& extent : extents) {
    state.add_page_address(extent.address);
    state.add_page_length(extent.length);
    state.add_page_offset(extent.offset);
  }
}

memory::Extents store(CaptureContext& context, const image::Mm& state, HostPid process, Choice is_chosen) {
  return context.shared_pages().store(process, private_content(state, process, is_chosen), context.pages());
}

// All of a snapshot's pages are shared with the process that it was taken of, so none may be pinned.
memory::Extents store_snapshot(CaptureContext& context, const image::Mm& state, HostPid snapshot) {
  std::vector<memory::SourceRange> ranges = private_content(state, snapshot, is_forked);
  for (memory::SourceRange& range : ranges) range.pinnable = false;
  return context.shared_pages().store(snapshot, ranges, context.pages());
}

class MmKind final : public TypedKind<image::Mm>, public AnyStructureKind {
 public:
  graph::Shape shape() const override { return graph::Shape::kMm; }
  Level level() const override { return Level::kMm; }

  AnyReading describe_any(DescribeContext& context, const TaskView& task, tracee::Batch& batch) const override {
    auto state = std::make_shared<image::Mm>(describe_mm(context, task));
    tracee::Pending brk = room(batch, 1, 0).call(SYS_brk, 0);
    return [state, brk, add_policies = describe_policies(*state, batch)] {
      add_policies(*state);
      state->set_brk(static_cast<uint64_t>(brk.value()));
      return std::make_unique<image::Mm>(std::move(*state));
    };
  }

  void check(CheckContext& context, const Record& record) const override {
    check_policies(context, record.as<image::Mm>());
  }

  void capture(CaptureContext& context, Record& record, int) const override {
    auto& state = record.as<image::Mm>();
    HostPid process = context.process_of(record.id).pid;
    std::optional<HostPid> snapshot = context.snapshot_of(record.id);
    if (!snapshot) return add_pages(state, store(context, state, process, all));
    memory::Extents now;
    if (std::ranges::any_of(state.mappings(), unforked)) now = store(context, state, process, unforked);
    context.defer(record.id, [&context, &state, now, snapshot = *snapshot] {
      add_pages(state, memory::united_pages(now, store_snapshot(context, state, snapshot)));
    });
  }

  void reach(RestoreContext& context, const Record& record, Milestone milestone) const override {
    RestoredTask& task = context.actor_of(record.id);
    if (milestone == image::GROWN) grow_mm(context, record.id, task);
    if (milestone == image::MADE) make_mm(context, record.id, task);
  }
};

}  // namespace

const FlagRule* flag_rule(std::string_view code) {
  for (const FlagRule& rule : kFlagRules) {
    if (code == rule.code) return &rule;
  }
  return nullptr;
}

bool is_private(const Mapping& mapping) { return !mapping.shared() && mapping.sort() != Mapping::VDSO; }

bool has_flag(const Mapping& mapping, std::string_view code) {
  return std::find(mapping.flags().begin(), mapping.flags().end(), code) != mapping.flags().end();
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

const Kind& mm_kind() {
  static const MmKind kKind;
  return kKind;
}

}  // namespace cairn::resources