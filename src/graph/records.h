// The records of an image in memory: one for each kernel object that was found, with the state that its kind saved.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "image/reader.h"
#include "image/schema.h"

namespace cairn::graph {

struct Record {
  RecordId id;
  RecordId owner;  // for an attribute: what it hangs on
  image::AnyState state;
  const char* kind() const { return state.schema().kind; }

  template <typename State>
  const State& as() const {
    return static_cast<const State&>(state.message());
  }
  template <typename State>
  State& as() {
    return static_cast<State&>(state.message());
  }
  // Every Ref, Late and Link, so that a kind never registers its edges twice.
  void visit_references(const image::ReferenceVisitor& visit) const {
    if (state.schema().visit_references != nullptr) state.schema().visit_references(state.message(), visit);
  }
};

class RecordSet {
 public:
  RecordId reserve() { return {++last_}; }
  Record& add(RecordId id, RecordId owner, image::AnyState state);
  const Record* find(RecordId id) const;
  Record* find(RecordId id);
  // Error (damaged image) when there is none, or when it is of another type than the caller needs.
  const Record& at(RecordId id) const;
  template <typename State>
  const State& state(RecordId id) const {
    const Record& record = at(id);
    require_type(record, State::schema());
    return record.as<State>();
  }

  // All records, ascending ids.
  const std::map<RecordId, Record>& all() const { return records_; }
  std::map<RecordId, Record>& all() { return records_; }
  std::vector<const Record*> of_kind(const std::string& kind) const;

 private:
  static void require_type(const Record& record, const image::Schema& wanted);

  std::map<RecordId, Record> records_;
  uint64_t last_ = 0;
};

// Parses the raw records of an image. `make_state` returns an empty state for a kind, or none for an unknown kind.
// Refused with Failure::kDamagedImage: unknown kinds, unknown fields or enum values, references to records that don't
// exist.
RecordSet parse_records(const std::vector<image::RawRecord>& raw,
                        const std::function<image::AnyState(const std::string&)>& make_state);

}  // namespace cairn::graph
