// The table of all kinds. Adding a kind adds one row to registry.cc.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "resources/kind.h"

namespace cairn::resources {

struct Row {
  const Kind* kind;
  graph::Traits needs, sets, clobbers;  // attributes only: what orders them within one task (graph::Trait)
};

std::span<const Row> rows();
// Null when there is no such kind.
const Row* find_row(const std::string& kind);
// An empty state of this kind; null when there is no such kind.
image::AnyState make_state(const std::string& kind);
// The kind of an existing record.
const Kind& kind_of(const Record& record);
// Null for a record that isn't mapped in a way of its own.
const AnyMapper* mapper_of(const Record& record);
graph::KindFacts facts_of(const std::string& kind);

// A kind together with one of its faces.
template <typename Face>
struct Faced {
  const Kind* kind;
  const Face* face;
};
const std::vector<Faced<AnyDescriptionKind>>& description_kinds();
const std::vector<Faced<AnyDescriptionAttributeKind>>& description_attributes();
// The kind of descriptions that the user named as ends outside the tree; it recognises none by itself.
const Faced<AnyDescriptionKind>& external_ends();
const std::vector<Faced<AnyAttributeKind>>& attributes(Level level);
const Faced<AnyStructureKind>& structure(Level level);
// Before this task is cloned: sets in its creator what it is born with (kind.h: BornWith).
void prepare_birth(RestoreContext& context, RecordId task, RestoredTask* creator);

}  // namespace cairn::resources
