// The two halves of the kind mm; see mm.cc.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "memory/extents.h"
#include "resources/kind.h"
#include "resources/memory/mm.pb.h"

namespace cairn::resources {

constexpr uint64_t kTopOfUserSpace = 0x7ffffffff000;  // four levels of page tables

// How a flag code of smaps (Documentation/filesystems/proc.rst) is kept.
struct FlagRule {
  const char* code;
  int advice;           // madvise(2) that sets it; -1: by other means
  const char* refusal;  // not null: can't be kept
};
const FlagRule* flag_rule(std::string_view code);  // null for an unknown one
// Whether writes to it stay its own.
bool is_private(const image::Mapping& mapping);
bool has_flag(const image::Mapping& mapping, std::string_view code);

// All but what needs the task to run code.
image::Mm describe_mm(DescribeContext& context, const TaskView& task);

// The policies of its mappings, which the task itself is asked for.
std::function<void(image::Mm&)> describe_policies(const image::Mm& state, tracee::Batch& batch);
void bind_to_nodes(const image::Mapping& mapping, RestoredTask& task);
void check_policies(CheckContext& context, const image::Mm& state);

std::vector<memory::Extent> extents_of(const image::Mm& state);

// Building the address space of a task, in two steps: before tasks are cloned from it, and after that.
void grow_mm(RestoreContext& context, RecordId mm, RestoredTask& task);
void make_mm(RestoreContext& context, RecordId mm, RestoredTask& task);

}  // namespace cairn::resources
