#include "engine/inspect.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <map>

#include "resources/memory/mm.pb.h"
#include "resources/process/comm.pb.h"
#include "resources/process/fd_table.pb.h"
#include "resources/registry.h"

namespace cairn::engine {
namespace {

struct Opened {
  image::Reader image;
  graph::RecordSet records;
  graph::Tree tree;
};

Opened open(const std::string& path) {
  image::Reader image = image::Reader::open(path);
  graph::RecordSet records = graph::parse_records(image.records(), resources::make_state);
  graph::Tree tree(records);
  return {std::move(image), std::move(records), std::move(tree)};
}

std::string to_json(const google::protobuf::Message& message) {
  std::string json;
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) throw Error("print as JSON: " + status.ToString());
  return json;
}

// The name of what a record opens by its name: the field `path`, a text or a FilePath. Empty if it has none.
std::string path_of(const google::protobuf::Message& body) {
  const auto* field = body.GetDescriptor()->FindFieldByName("path");
  if (field == nullptr || field->is_repeated()) return "";
  const auto* reflection = body.GetReflection();
  using Field = google::protobuf::FieldDescriptor;
  if (field->cpp_type() == Field::CPPTYPE_STRING) return reflection->GetString(body, field);
  return field->cpp_type() == Field::CPPTYPE_MESSAGE ? path_of(reflection->GetMessage(body, field)) : "";
}

// One line about a record: its kind, its path if it has one, else its fields.
std::string summary(const graph::Record& record) {
  if (std::string path = path_of(record.state.message()); !path.empty())
    return fmt::format("{} {}", record.kind(), path);
  std::string text = record.state.message().ShortDebugString();
  constexpr size_t kMost = 100;
  if (text.size() > kMost) text = text.substr(0, kMost) + " ...";
  return fmt::format("{} {{{}}}", record.kind(), text);
}

uint64_t mapped_bytes(const image::Mm& mm) {
  uint64_t bytes = 0;
  for (const image::Mapping& mapping : mm.mappings()) bytes += mapping.end() - mapping.start();
  return bytes;
}

uint64_t stored_bytes(const image::Mm& mm) {
  uint64_t bytes = 0;
  for (uint64_t length : mm.page_length()) bytes += length;
  return bytes;
}

// What the image needs of a host. The kinds look at this host too, which isn't told here: that is for --dry-run.
class Needs final : public resources::CheckContext {
 public:
  explicit Needs(const Opened& opened) : opened_(opened) {
    for (const auto& [id, record] : opened.records.all()) resources::kind_of(record).check(*this, record);
  }
  const graph::RecordSet& records() const override { return opened_.records; }
  const graph::Tree& tree() const override { return opened_.tree; }
  const image::Head& head() const override { return opened_.image.head(); }

 private:
  const Opened& opened_;
};

class TextReport {
 public:
  explicit TextReport(const Opened& opened) : records_(opened.records), tree_(opened.tree) {
    const image::Head& head = opened.image.head();
    line("image      {} ({}), {} bytes; {} bytes of pages", head.uuid(), head.command(), opened.image.bytes(),
         opened.image.page_bytes());
    line("host       Linux {} {}", head.host().kernel_release(), head.host().machine());
    add_process(tree_.root(), 0);
    for (RecordId phantom : tree_.phantoms()) {
      const graph::ProcessNode& dead = tree_.process(phantom);
      line("id {}  dead, still a {}", dead.state->pid(), dead.leads_session() ? "session" : "group");
    }
    line("needs");
    Needs needs(opened);
    for (const auto& need : needs.preconditions()) line("  {}: {}", need.object, need.needed);
  }
  std::string take() { return std::move(text_); }

 private:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  std::string name_of(RecordId task) const {
    for (const graph::Record* comm : records_.of_kind("comm")) {
      if (comm->owner == task) return fmt::format(" ({})", comm->as<image::Comm>().name());
    }
    return "";
  }

  void add_process(const graph::ProcessNode& process, size_t depth) {
    std::string indent(2 * depth, ' ');
    const char* life = process.alive() ? "" : " (zombie)";
    line("{}process {}{}{}  group {} session {}  {} thread{}", indent, process.state->pid(), name_of(process.leader()),
         life, process.state->group(), process.state->session(), process.tasks.size(),
         process.tasks.size() == 1 ? "" : "s");
    const auto& leader = records_.state<image::Task>(process.leader());
    if (leader.mm().id() != 0) {
      const auto& mm = records_.state<image::Mm>({leader.mm().id()});
      line("{}  memory {}  {} mappings, {} KiB mapped, {} KiB stored", indent, leader.mm().id(), mm.mappings_size(),
           mapped_bytes(mm) / 1024, stored_bytes(mm) / 1024);
    }
    if (leader.files().id() != 0) {
      for (const image::Descriptor& entry : records_.state<image::FdTable>({leader.files().id()}).descriptors()) {
        line("{}  {:4} -> {}: {}", indent, entry.number(), entry.description().id(),
             summary(records_.at({entry.description().id()})));
      }
    }
    for (RecordId child : process.children) add_process(tree_.process(child), depth + 1);
  }

  const graph::RecordSet& records_;
  const graph::Tree& tree_;
  std::string text_;
};

}  // namespace

std::string inspect_text(const std::string& image) {
  Opened opened = open(image);
  return TextReport(opened).take();
}

std::string inspect_json(const std::string& image) {
  Opened opened = open(image);
  std::string json = fmt::format("{{\"head\":{},\"records\":[", to_json(opened.image.head()));
  const char* separator = "";
  for (const auto& [id, record] : opened.records.all()) {
    json += fmt::format("{}{{\"id\":{},\"kind\":\"{}\",\"owner\":{},\"body\":{}}}", separator, id.value, record.kind(),
                        record.owner.value, to_json(record.state.message()));
    separator = ",";
  }
  return json + fmt::format("],\"bytes\":{},\"page_bytes\":{}}}\n", opened.image.bytes(), opened.image.page_bytes());
}

}  // namespace cairn::engine
