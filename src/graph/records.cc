#include "graph/records.h"

#include "base/error.h"
#include "graph/references.h"

namespace cairn::graph {

Record& RecordSet::add(RecordId id, std::string kind, RecordId owner, std::unique_ptr<google::protobuf::Message> body) {
  auto [place, inserted] = records_.try_emplace(id, Record{id, std::move(kind), owner, std::move(body)});
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

void RecordSet::require_type(const Record& record, const google::protobuf::Descriptor* wanted) {
  if (record.body->GetDescriptor() == wanted) return;
  throw Error(fmt::format("record {} is a {}, where a {} is needed", record.id.value, record.kind, wanted->name()),
              Failure::kDamagedImage);
}

std::vector<const Record*> RecordSet::of_kind(const std::string& kind) const {
  std::vector<const Record*> found;
  for (const auto& [id, record] : records_) {
    if (record.kind == kind) found.push_back(&record);
  }
  return found;
}

namespace {

void check_references(const RecordSet& records) {
  for (const auto& [id, record] : records.all()) {
    for_each_reference(*record.body, [&, &record = record](const Reference& reference) {
      if (!reference.target || records.find(reference.target) != nullptr) return;
      throw Error(fmt::format("record {} ({}) refers to record {} in its field {}, which does not exist",
                              record.id.value, record.kind, reference.target.value, reference.field->name()),
                  Failure::kDamagedImage);
    });
  }
}

}  // namespace

RecordSet parse_records(
    const std::vector<image::RawRecord>& raw,
    const std::function<std::unique_ptr<google::protobuf::Message>(const std::string&)>& make_state) {
  RecordSet records;
  for (const image::RawRecord& entry : raw) {
    auto damaged = [&](const std::string& why) {
      return Error(fmt::format("record {} ({}): {}", entry.id.value, entry.kind, why), Failure::kDamagedImage);
    };
    std::unique_ptr<google::protobuf::Message> body = make_state(entry.kind);
    if (!body)
      throw damaged("a kind that this cairn does not know; use the version that wrote the image, or a newer one");
    if (!body->ParseFromString(entry.body)) throw damaged("its state can't be parsed");
    if (image::has_unknown_fields(*body))
      throw damaged("it has state that this cairn does not know; use a newer version");
    records.add(entry.id, entry.kind, entry.owner, std::move(body));
  }
  check_references(records);
  return records;
}

}  // namespace cairn::graph
