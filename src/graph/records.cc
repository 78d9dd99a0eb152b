#include "graph/records.h"

#include "base/error.h"

namespace cairn::graph {

Record& RecordSet::add(RecordId id, RecordId owner, image::AnyState state) {
  auto [place, inserted] = records_.try_emplace(id, Record{id, owner, std::move(state)});
  CAIRN_ASSERT(inserted);
  last_ = std::max(last_, id.value);
  return place->second;
}

const Record* RecordSet::find(RecordId id) const {
  auto place = records_.find(id);
  return place == records_.end() ? nullptr : &place->second;
}

Record* RecordSet::find(RecordId id) {
  auto place = records_.find(id);
  return place == records_.end() ? nullptr : &place->second;
}

const Record& RecordSet::at(RecordId id) const {
  const Record* record = find(id);
  if (record == nullptr) throw Error(fmt::format("there is no record {}", id.value), Failure::kDamagedImage);
  return *record;
}

void RecordSet::require_type(const Record& record, const image::Schema& wanted) {
  if (&record.state.schema() == &wanted) return;
  throw Error(fmt::format("record {} is a {}, where a {} is needed", record.id.value, record.kind(), wanted.name),
              Failure::kDamagedImage);
}

std::vector<const Record*> RecordSet::of_kind(const std::string& kind) const {
  std::vector<const Record*> found;
  for (const auto& [id, record] : records_) {
    if (kind == record.kind()) found.push_back(&record);
  }
  return found;
}

namespace {

void check_references(const RecordSet& records) {
  for (const auto& [id, record] : records.all()) {
    record.visit_references([&, &record = record](const image::ReferenceField& field, RecordId target) {
      if (!target || records.find(target) != nullptr) return;
      throw Error(fmt::format("record {} ({}) refers to record {} in its field {}, which does not exist",
                              record.id.value, record.kind(), target.value, field.name),
                  Failure::kDamagedImage);
    });
  }
}

}  // namespace

RecordSet parse_records(const std::vector<image::RawRecord>& raw,
                        const std::function<image::AnyState(const std::string&)>& make_state) {
  RecordSet records;
  for (const image::RawRecord& entry : raw) {
    auto damaged = [&](const std::string& why) {
      return Error(fmt::format("record {} ({}): {}", entry.id.value, entry.kind, why), Failure::kDamagedImage);
    };
    image::AnyState state = make_state(entry.kind);
    if (!state)
      throw damaged("a kind that this cairn does not know; use the version that wrote the image, or a newer one");
    if (!state.message().ParseFromString(entry.body)) throw damaged("its state can't be parsed");
    if (state.schema().has_unknown(state.message()))
      throw damaged("it has state that this cairn does not know; use a newer version");
    records.add(entry.id, entry.owner, std::move(state));
  }
  check_references(records);
  return records;
}

}  // namespace cairn::graph
