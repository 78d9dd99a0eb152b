// A plugin of protoc: writes image/schema.h's `State::schema()` into the C++ code that protoc generates for each
// message of a .proto, through protoc's insertion points.
#include <google/protobuf/compiler/code_generator.h>
#include <google/protobuf/compiler/plugin.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/printer.h>
#include <google/protobuf/io/zero_copy_stream.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "image/options.pb.h"

namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::compiler::GeneratorContext;
using google::protobuf::io::Printer;
namespace image = cairn::image;

constexpr const char* kOptionsFile = "image/options.proto";

using Variables = std::map<std::string, std::string>;

// The class of a message, or the enum: names of nested ones are joined by protoc with an underscore.
template <typename AnyDescriptor>
std::string class_of(const AnyDescriptor* descriptor) {
  std::string name = descriptor->name();
  for (const Descriptor* outer = descriptor->containing_type(); outer != nullptr; outer = outer->containing_type())
    name = outer->name() + "_" + name;
  return name;
}

// protoc adds an underscore to names that C++ has taken; of those only these occur.
std::string accessor_of(const FieldDescriptor* field) {
  static const std::set<std::string> kTaken{"virtual",  "default", "private", "public",   "protected",
                                            "class",    "new",     "delete",  "register", "signed",
                                            "unsigned", "short",   "long",    "union"};
  const std::string& name = field->lowercase_name();
  return kTaken.contains(name) ? name + "_" : name;
}

std::string reference_type(const Descriptor* message) {
  bool is_ours = message != nullptr && message->file()->name() == kOptionsFile;
  bool is_reference = is_ours && (message->name() == "Ref" || message->name() == "Late" || message->name() == "Link");
  return is_reference ? message->name() : "";
}

// No message of ours contains itself.
bool may_hold_references(const Descriptor* message) {
  for (int i = 0; i < message->field_count(); ++i) {
    const Descriptor* inner = message->field(i)->message_type();
    if (inner != nullptr && (!reference_type(inner).empty() || may_hold_references(inner))) return true;
  }
  return false;
}

std::string milestone(image::Milestone value) { return "::cairn::image::" + image::Milestone_Name(value); }

std::string order_of(const FieldDescriptor* field, const std::string& type) {
  image::Needs needs;
  if (field->options().HasExtension(image::needs)) {
    needs = field->options().GetExtension(image::needs);
  } else if (type != "Link") {
    needs.set_mine(type == "Ref" ? image::MADE : image::CONNECTED);
    needs.set_its(image::MADE);
  }
  const image::Needs& precedes = field->options().GetExtension(image::precedes);
  return milestone(needs.mine()) + ", " + milestone(needs.its()) + ", " + milestone(precedes.mine()) + ", " +
         milestone(precedes.its());
}

// `for` each entry of a repeated field, or `if` the field is there; what follows is one statement about `$value$`.
Variables open_field(Printer& out, const FieldDescriptor* field) {
  Variables names{{"field", accessor_of(field)}, {"value", "entry"}};
  if (field->is_repeated()) {
    out.Print(names, "  for (const auto& entry : message.$field$())\n  ");
  } else {
    names["value"] = "message." + names["field"] + "()";
    if (field->has_presence()) out.Print(names, "  if (message.has_$field$())\n  ");
  }
  return names;
}

void print_visit(Printer& out, const Descriptor* message) {
  out.Print(
      "static void visit_$class$(const ::google::protobuf::Message& any, const ReferenceVisitor& visit) {\n"
      "  const auto& message = static_cast<const $class$&>(any);\n",
      "class", class_of(message));
  for (int i = 0; i < message->field_count(); ++i) {
    const FieldDescriptor* field = message->field(i);
    const Descriptor* inner = field->message_type();
    if (inner == nullptr) continue;
    if (std::string type = reference_type(inner); !type.empty()) {
      out.Print("  static constexpr ReferenceField k_$field${\"$field$\", $is_use$, $order$};\n", "field",
                field->lowercase_name(), "is_use", type == "Ref" ? "true" : "false", "order", order_of(field, type));
      Variables names = open_field(out, field);
      out.Print(names, "  visit(k_$field$, RecordId{$value$.id()});\n");
    } else if (may_hold_references(inner)) {
      Variables names = open_field(out, field);
      names["inner"] = class_of(inner);
      out.Print(names, "  $inner$::schema().visit_references($value$, visit);\n");
    }
  }
  out.Print("}\n");
}

void print_has_unknown(Printer& out, const Descriptor* message) {
  out.Print(
      "bool $class$::has_unknown(const ::google::protobuf::Message& any) {\n"
      "  const auto& message = static_cast<const $class$&>(any);\n"
      "  if (message._internal_metadata_.have_unknown_fields()) return true;\n",
      "class", class_of(message));
  for (int i = 0; i < message->field_count(); ++i) {
    const FieldDescriptor* field = message->field(i);
    const EnumDescriptor* values = field->enum_type();
    const Descriptor* inner = field->message_type();
    if (values == nullptr && inner == nullptr) continue;
    Variables names = open_field(out, field);
    if (values != nullptr) {
      names["values"] = class_of(values);
      out.Print(names, "  if (!$values$_IsValid($value$)) return true;\n");
    } else {
      names["inner"] = class_of(inner);
      out.Print(names, "  if ($inner$::has_unknown($value$)) return true;\n");
    }
  }
  out.Print("  return false;\n}\n");
}

void print_schema(Printer& out, const Descriptor* message) {
  bool visits = may_hold_references(message);
  if (visits) print_visit(out, message);
  print_has_unknown(out, message);
  out.Print(
      "const Schema& $class$::schema() {\n"
      "  static constexpr Schema kSchema{\"$name$\", \"$kind$\", $visit$, &$class$::has_unknown};\n"
      "  return kSchema;\n"
      "}\n",
      "class", class_of(message), "name", message->name(), "kind", message->options().GetExtension(image::kind),
      "visit", visits ? "visit_" + class_of(message) : "nullptr");
}

void add_messages(std::vector<const Descriptor*>& all, const Descriptor* message) {
  all.push_back(message);
  for (int i = 0; i < message->nested_type_count(); ++i) add_messages(all, message->nested_type(i));
}

class SchemaGenerator final : public google::protobuf::compiler::CodeGenerator {
 public:
  uint64_t GetSupportedFeatures() const override { return FEATURE_PROTO3_OPTIONAL; }

  bool Generate(const FileDescriptor* file, const std::string&, GeneratorContext* context,
                std::string* error) const override {
    std::string stem = file->name().substr(0, file->name().rfind('.'));
    std::vector<const Descriptor*> messages;
    for (int i = 0; i < file->message_type_count(); ++i) add_messages(messages, file->message_type(i));
    insert(context, stem + ".pb.h", "includes", "#include \"image/schema.h\"\n");
    // Each file of generated code has its description parsed at every start of the program; it also is at its first
    // use, which few runs ever make (`inspect --json`).
    insert(context, stem + ".pb.cc", "includes",
           "namespace google::protobuf::internal {\n"
           "struct NoDescriptorsYet { explicit NoDescriptorsYet(const DescriptorTable*) {} };\n"
           "}\n"
           "#define AddDescriptorsRunner NoDescriptorsYet\n");
    for (const Descriptor* message : messages) {
      if (message->options().map_entry()) {
        *error = message->full_name() + ": maps are not in the schema";
        return false;
      }
      insert(context, stem + ".pb.h", "class_scope:" + message->full_name(),
             "static const ::cairn::image::Schema& schema();\n"
             "static bool has_unknown(const ::google::protobuf::Message& message);\n");
      Output out(context, stem + ".pb.cc", "namespace_scope");
      print_schema(*out.printer, message);
    }
    return true;
  }

 private:
  struct Output {
    Output(GeneratorContext* context, const std::string& file, const std::string& point)
        : stream(context->OpenForInsert(file, point)), printer(std::make_unique<Printer>(stream.get(), '$')) {}
    std::unique_ptr<google::protobuf::io::ZeroCopyOutputStream> stream;
    std::unique_ptr<Printer> printer;
  };

  static void insert(GeneratorContext* context, const std::string& file, const std::string& point, const char* text) {
    Output(context, file, point).printer->PrintRaw(text);
  }
};

}  // namespace

int main(int argc, char** argv) {
  SchemaGenerator generator;
  return google::protobuf::compiler::PluginMain(argc, argv, &generator);
}
