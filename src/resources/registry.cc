#include "resources/registry.h"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace cairn::resources {

// One row a kind, in alphabetical order. KIND(name) is defined in name.cc as `const Kind& name_kind()`. What follows
// the name orders attributes of one task among themselves: .needs, .sets, .clobbers (graph::Trait).
// clang-format off
#define CAIRN_KINDS(KIND) \
  KIND(address_tagging) \
  KIND(affinity, .needs = {kPrivilege}) \
  KIND(autogroup, .needs = {kPrivilege}) \
  KIND(cgroup, .needs = {kPrivilege}) \
  KIND(child_subreaper) \
  KIND(comm) \
  KIND(controlling_terminal, .needs = {kPrivilege}, .sets = {kHeritage}) \
  KIND(core_scheduling) \
  KIND(coredump_filter, .needs = {kPrivilege}) \
  KIND(cpu) \
  KIND(credentials, .clobbers = {kPrivilege, kDumpable, kParentDeathSignal, kCapabilities}) \
  KIND(device) \
  KIND(dumpable, .sets = {kDumpable}, .clobbers = {kPrivilege}) \
  KIND(epoll) \
  KIND(eventfd) \
  KIND(external) \
  KIND(fd_table) \
  KIND(fifo) \
  KIND(fifo_end) \
  KIND(file) \
  KIND(file_locks) \
  KIND(foreground_group, .needs = {kPrivilege}) \
  KIND(fs_state) \
  KIND(gone_process) \
  KIND(inet_listener) \
  KIND(inotify) \
  KIND(interval_timers, .sets = {kSignals}) \
  KIND(io_flusher, .needs = {kPrivilege}) \
  KIND(io_ports) \
  KIND(io_priority, .needs = {kPrivilege}) \
  KIND(job_stop, .sets = {kTellsParent}, .clobbers = {kStops}) \
  KIND(keyrings) \
  KIND(landlock) \
  KIND(limits, .needs = {kPrivilege}, .clobbers = {kLimits}) \
  KIND(local_descriptors) \
  KIND(machine_check_policy) \
  KIND(mdwe) \
  KIND(membarrier) \
  KIND(memfd) \
  KIND(memory_merge, .needs = {kPrivilege}) \
  KIND(memory_policy) \
  KIND(message_queue) \
  KIND(message_queue_end) \
  KIND(mm) \
  KIND(nameless_content) \
  KIND(nameless_file) \
  KIND(oom_score, .needs = {kPrivilege}) \
  KIND(outer_terminal) \
  KIND(parent_death_signal, .sets = {kParentDeathSignal}) \
  KIND(pending_signals, .needs = {kQuietChildren, kLimits}, .sets = {kSignals, kStops}) \
  KIND(personality) \
  KIND(pidfd) \
  KIND(pipe) \
  KIND(pipe_end) \
  KIND(posix_timers, .needs = {kLimits}, .sets = {kSignals}) \
  KIND(process) \
  KIND(process_file) \
  KIND(protection_keys) \
  KIND(pty) \
  KIND(scheduling, .needs = {kPrivilege}) \
  KIND(seccomp, .needs = {kPrivilege}, .clobbers = {kBareThreads}) \
  KIND(security_label) \
  KIND(semaphore_undo) \
  KIND(shared_memory) \
  KIND(shared_pending_signals, .needs = {kQuietChildren, kLimits}, .sets = {kSignals, kStops}) \
  KIND(sigactions, .needs = {kQuietChildren}, .sets = {kStops}, .clobbers = {kSignals}) \
  KIND(sighand) \
  KIND(signalfd) \
  KIND(socket_options) \
  KIND(speculation) \
  KIND(status_flags) \
  KIND(syscall_dispatch) \
  KIND(sysv_attachment) \
  KIND(sysv_memory) \
  KIND(task) \
  KIND(tcp_connection) \
  KIND(terminal_end) \
  KIND(thp_disable) \
  KIND(thread_pointers) \
  KIND(timer_slack, .clobbers = {kBareThreads}) \
  KIND(timerfd) \
  KIND(trapped_instructions) \
  KIND(udp_socket) \
  KIND(unix_socket) \
  KIND(unsupported_socket) \
  KIND(working_directory, .needs = {kPrivilege})  // clang-format on

#define CAIRN_DECLARE(name, ...) const Kind& name##_kind();
CAIRN_KINDS(CAIRN_DECLARE)
#undef CAIRN_DECLARE

namespace {

std::vector<Row> make_rows() {
  using enum graph::Trait;
#define CAIRN_ROW(name, ...) Row{.kind = &name##_kind() __VA_OPT__(, ) __VA_ARGS__},
  return {CAIRN_KINDS(CAIRN_ROW)};
#undef CAIRN_ROW
}

template <typename Face>
std::vector<Faced<Face>> kinds_with_face() {
  std::vector<Faced<Face>> found;
  for (const Row& row : rows()) {
    if (const auto* face = dynamic_cast<const Face*>(row.kind)) found.push_back({row.kind, face});
  }
  return found;
}

// The attributes of each task that it is born with.
struct BirthAttributes {
  struct Attribute {
    const BornWith* kind;
    const Record* record;
  };
  std::optional<std::multimap<RecordId, Attribute>> by_task;

  void find(const graph::RecordSet& records) {
    by_task.emplace();
    for (const Faced<BornWith>& kind : kinds_with_face<BornWith>()) {
      for (const Record* record : records.of_kind(kind.kind->name()))
        by_task->emplace(record->owner, Attribute{kind.face, record});
    }
  }
};

}  // namespace

std::span<const Row> rows() {
  static const std::vector<Row> kRows = make_rows();
  return kRows;
}

const Row* find_row(const std::string& kind) {
  static const auto kByName = [] {
    std::unordered_map<std::string, const Row*> by_name;
    for (const Row& row : rows()) CAIRN_ASSERT(by_name.emplace(row.kind->name(), &row).second);
    return by_name;
  }();
  auto place = kByName.find(kind);
  return place == kByName.end() ? nullptr : place->second;
}

image::AnyState make_state(const std::string& kind) {
  const Row* row = find_row(kind);
  return row == nullptr ? image::AnyState{} : row->kind->make_state();
}

const Kind& kind_of(const Record& record) {
  const Row* row = find_row(record.kind());
  CAIRN_ASSERT(row != nullptr);
  return *row->kind;
}

const AnyMapper* mapper_of(const Record& record) { return dynamic_cast<const AnyMapper*>(&kind_of(record)); }

graph::KindFacts facts_of(const std::string& kind) {
  const Row* row = find_row(kind);
  CAIRN_ASSERT(row != nullptr);
  return {row->kind->shape(), row->needs, row->sets, row->clobbers};
}

const std::vector<Faced<AnyDescriptionKind>>& description_kinds() {
  static const auto kKinds = kinds_with_face<AnyDescriptionKind>();
  return kKinds;
}

const Faced<AnyDescriptionKind>& external_ends() {
  static const auto kEnds = [] {
    auto kinds = kinds_with_face<AnyDescriptionKind>();
    return *std::ranges::find(kinds, &external_kind(), &Faced<AnyDescriptionKind>::kind);
  }();
  return kEnds;
}

const std::vector<Faced<AnyDescriptionAttributeKind>>& description_attributes() {
  static const auto kKinds = kinds_with_face<AnyDescriptionAttributeKind>();
  return kKinds;
}

const std::vector<Faced<AnyAttributeKind>>& attributes(Level level) {
  static const auto kByLevel = [] {
    std::map<Level, std::vector<Faced<AnyAttributeKind>>> by_level;
    for (const auto& kind : kinds_with_face<AnyAttributeKind>()) by_level[kind.face->level()].push_back(kind);
    return by_level;
  }();
  static const std::vector<Faced<AnyAttributeKind>> kNone;
  auto place = kByLevel.find(level);
  return place == kByLevel.end() ? kNone : place->second;
}

const Faced<AnyStructureKind>& structure(Level level) {
  static const auto kKinds = kinds_with_face<AnyStructureKind>();
  for (const auto& kind : kKinds) {
    if (kind.face->level() == level) return kind;
  }
  throw Error("internal error: a structure without a kind");
}

void prepare_birth(RestoreContext& context, RecordId task, RestoredTask* creator) {
  auto& attributes = context.once<BirthAttributes>();
  if (!attributes.by_task) attributes.find(context.records());
  auto [first, last] = attributes.by_task->equal_range(task);
  for (; first != last; ++first) first->second.kind->before_birth(context, *first->second.record, creator);
}

}  // namespace cairn::resources
