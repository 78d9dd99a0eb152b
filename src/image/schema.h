// What a message of an image says about itself, as code: which kind it is the state of, which records it names, whether
// it holds anything unknown. Generated into each NAME.pb.h from NAME.proto (cmake/protoc_gen_schema.cc) as
// `State::schema()`. Protobuf's own reflection would tell the same, but builds its descriptors at first use, which
// takes longer than a small checkpoint.
#pragma once

#include <google/protobuf/message.h>

#include <functional>
#include <memory>

#include "base/ids.h"

namespace cairn::image {

enum Milestone : int;

// A field of type Ref, Late or Link.
struct ReferenceField {
  const char* name;
  bool is_use;  // a Ref
  // "My `mine` needs its `its`": by the field's type or its (needs) option; UNSPECIFIED for a Link.
  Milestone mine, its;
  // The (precedes) option: its `precedes_its` needs my `precedes_mine`; UNSPECIFIED without one.
  Milestone precedes_mine, precedes_its;
};

using ReferenceVisitor = std::function<void(const ReferenceField&, RecordId target)>;  // target 0: none

struct Schema {
  const char* name;  // of the message
  const char* kind;  // the (kind) option; empty without one
  // Visits every reference, also in nested and repeated messages; null when the message can't hold any.
  void (*visit_references)(const google::protobuf::Message&, const ReferenceVisitor&);
  // proto3 keeps what it doesn't know in silence: fields of a newer schema, and numbers of an enum that have no name
  // here. Restoring such a record would drop state, so it is looked for.
  bool (*has_unknown)(const google::protobuf::Message&);
};

// The state of a kind, whichever that is.
class AnyState {
 public:
  AnyState() = default;
  template <typename State>
  AnyState(std::unique_ptr<State> message)  // NOLINT(google-explicit-constructor): nothing but its type is forgotten
      : message_(std::move(message)), schema_(&State::schema()) {}

  explicit operator bool() const { return message_ != nullptr; }
  google::protobuf::Message& message() { return *message_; }
  const google::protobuf::Message& message() const { return *message_; }
  const Schema& schema() const { return *schema_; }

 private:
  std::unique_ptr<google::protobuf::Message> message_;
  const Schema* schema_ = nullptr;
};

}  // namespace cairn::image
