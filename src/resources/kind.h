// What a kind is: one sort of kernel object or attribute, with both directions in one file. A kind has a schema
// (NAME.proto, whose message carries the (kind) option), a class derived from one of the bases below, and a row in
// registry.cc.
//
//   DescriptionKind<State>       an open file description, found behind a descriptor
//   ObjectKind<State>            something that descriptions or mappings share (a pipe, shared memory)
//   AttributeKind<State, Level>  an attribute of a task or of a structure that tasks share
//   Kind                         the few with a life of their own (task, process, address space, descriptor table)
#pragma once

#include <google/protobuf/message.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/obstacle.h"
#include "graph/plan.h"
#include "graph/records.h"
#include "resources/describe_context.h"
#include "resources/restore_context.h"

namespace cairn::resources {

using google::protobuf::Message;
using graph::Precondition;
using graph::Record;
using image::Milestone;

// Checks of a restore before anything is made.
class CheckContext {
 public:
  virtual ~CheckContext() = default;
  virtual const graph::RecordSet& records() const = 0;
  virtual const graph::Tree& tree() const = 0;
  virtual const image::Head& head() const = 0;
  // Whether the tree gets a pid namespace of its own, where every id is free, and a user namespace of its own, where
  // only cairn's own ids are known.
  virtual bool has_own_pids() const { return false; }
  virtual bool has_own_users() const { return false; }
  // Whether the user said that this file may have changed (restore --accept-changed).
  virtual bool accepts_change(const std::string& /*path*/) const { return false; }
  // What the user gave for the end of this name; null when nothing was.
  virtual const Inherited* inherited(const std::string& /*name*/) const { return nullptr; }
  // The restorer waits for the tree, which has its terminal meanwhile.
  virtual bool in_foreground() const { return false; }
  void add(Precondition precondition) { preconditions_.push_back(std::move(precondition)); }
  const std::vector<Precondition>& preconditions() const { return preconditions_; }

 private:
  std::vector<Precondition> preconditions_;
};

class Kind {
 public:
  virtual ~Kind() = default;
  virtual const image::Schema& schema() const = 0;
  virtual image::AnyState make_state() const = 0;
  virtual graph::Shape shape() const = 0;
  // Brings one record to one milestone of its shape. Most kinds do something at one or two of them only.
  virtual void reach(RestoreContext& context, const Record& record, Milestone milestone) const = 0;
  // Bulk data, after every obstacle is known and while the tree is still held. May fail, may not obstruct.
  // `fd` is our duplicate of the description or the object's handle, -1 if there is none.
  virtual void capture(CaptureContext&, Record&, int /*fd*/) const {}
  // What the restoring host must have.
  virtual void check(CheckContext&, const Record&) const {}

  // The (kind) option of the schema.
  const char* name() const { return schema().kind; }
};

template <typename State>
class TypedKind : public Kind {
 public:
  const image::Schema& schema() const override { return State::schema(); }
  image::AnyState make_state() const override { return std::make_unique<State>(); }
};

// An open file description. Exactly one kind must recognise each.
class AnyDescriptionKind {
 public:
  virtual ~AnyDescriptionKind() = default;
  virtual bool recognises(const DescriptionView& view) const = 0;
  virtual image::AnyState describe_any(DescribeContext& context, const DescriptionView& view) const = 0;
};

template <typename State>
class DescriptionKind : public TypedKind<State>, public AnyDescriptionKind {
 public:
  graph::Shape shape() const final { return graph::Shape::kObject; }
  // May add obstacles to the context, and name other objects by the ids that it gives out.
  virtual State describe(DescribeContext& context, const DescriptionView& view) const = 0;
  virtual void capture(CaptureContext&, State&, int /*fd*/) const {}
  virtual OwnedFd create(RestoreContext& context, const State& state) const = 0;
  // When all that it is Late on exists.
  virtual void connect(RestoreContext&, const State&, int /*fd*/) const {}
  // What must come last: arming timers, leaving repair modes.
  virtual void seal(RestoreContext&, const State&, int /*fd*/) const {}
  virtual void check(CheckContext&, const State&) const {}

  image::AnyState describe_any(DescribeContext& context, const DescriptionView& view) const final {
    return std::make_unique<State>(describe(context, view));
  }
  void capture(CaptureContext& context, Record& record, int fd) const final {
    capture(context, record.as<State>(), fd);
  }
  void check(CheckContext& context, const Record& record) const final { check(context, record.as<State>()); }
  void reach(RestoreContext& context, const Record& record, Milestone milestone) const final {
    const State& state = record.as<State>();
    if (milestone == image::MADE) context.keep(record.id, create(context, state));
    if (milestone == image::CONNECTED) connect(context, state, context.fd(record.id));
    if (milestone == image::SEALED) seal(context, state, context.fd(record.id));
  }
};

// A kind of description that mappings have for their file, but that a task maps by another call than mmap(2): its
// create() need not give a descriptor. All that the mapping has beside this area is set afterwards.
class AnyMapper {
 public:
  virtual ~AnyMapper() = default;
  struct Area {
    uint64_t address, size, offset;  // bytes
    uint32_t protection;             // PROT_*
  };
  virtual void map(RestoreContext& context, const Record& file, RestoredTask& task, const Area& area) const = 0;
};

// What every open file description has, whatever its kind (status flags, owner); hangs on the description's record.
class AnyDescriptionAttributeKind {
 public:
  virtual ~AnyDescriptionAttributeKind() = default;
  // None: nothing worth a record.
  virtual image::AnyState describe_any(DescribeContext& context, const DescriptionView& view) const = 0;
};

template <typename State>
class DescriptionAttributeKind : public TypedKind<State>, public AnyDescriptionAttributeKind {
 public:
  graph::Shape shape() const final { return graph::Shape::kAttribute; }
  virtual std::optional<State> describe(DescribeContext& context, const DescriptionView& view) const = 0;
  virtual void apply(RestoreContext& context, const State& state, int fd) const = 0;

  image::AnyState describe_any(DescribeContext& context, const DescriptionView& view) const final {
    std::optional<State> state = describe(context, view);
    return state ? std::make_unique<State>(std::move(*state)) : image::AnyState{};
  }
  void reach(RestoreContext& context, const Record& record, Milestone milestone) const final {
    if (milestone == image::MADE) apply(context, record.as<State>(), context.fd(record.owner));
  }
};

// Something behind descriptions or mappings that several of them share; found by them through
// DescribeContext::object(). create() gives a descriptor that holds it until the restore has ended (or none).
template <typename State>
class ObjectKind : public TypedKind<State> {
 public:
  graph::Shape shape() const final { return graph::Shape::kObject; }
  virtual void capture(CaptureContext&, State&, int /*fd*/) const {}
  virtual OwnedFd create(RestoreContext& context, const State& state) const = 0;
  virtual void connect(RestoreContext&, const State&, int /*fd*/) const {}
  virtual void seal(RestoreContext&, const State&, int /*fd*/) const {}
  virtual void check(CheckContext&, const State&) const {}

  void capture(CaptureContext& context, Record& record, int fd) const final {
    capture(context, record.as<State>(), fd);
  }
  void check(CheckContext& context, const Record& record) const final { check(context, record.as<State>()); }
  void reach(RestoreContext& context, const Record& record, Milestone milestone) const final {
    const State& state = record.as<State>();
    if (milestone == image::MADE) context.keep(record.id, create(context, state));
    if (milestone == image::CONNECTED) connect(context, state, context.fd(record.id));
    if (milestone == image::SEALED) seal(context, state, context.fd(record.id));
  }
};

// What an attribute hangs on. It runs once per object, in one chosen task.
enum class Level { kTask, kProcess, kMm, kFiles, kFs, kSigHand };

// Reading an attribute has two halves: describe() puts calls into the task's batch and returns the second half, which
// reads their results after the flush. An empty result: the attribute isn't there.
template <typename State>
using Reading = std::function<std::optional<State>()>;
using AnyReading = std::function<image::AnyState()>;

// A structure that tasks share and whose record the engine makes once: address space, descriptor table, file system
// state, dispositions.
class AnyStructureKind {
 public:
  virtual ~AnyStructureKind() = default;
  virtual Level level() const = 0;
  virtual AnyReading describe_any(DescribeContext& context, const TaskView& task, tracee::Batch& batch) const = 0;
};

class AnyAttributeKind {
 public:
  virtual ~AnyAttributeKind() = default;
  virtual Level level() const = 0;
  virtual AnyReading describe_any(DescribeContext& context, const TaskView& task, tracee::Batch& batch) const = 0;
  // Null: nothing is left of it.
  virtual image::AnyState describe_remains_any(DescribeContext& context, const kernel::ProcDir& zombie) const = 0;
};

// What a task can only get at its birth, from the value that its creator has at that moment: an attribute kind that
// derives from this too sets it in the creator. It must clobber kBareThreads (its row in registry.cc), so that the
// creator gets its own value back when it has made its threads.
class BornWith {
 public:
  virtual ~BornWith() = default;
  // `creator`: where to put calls, right before the call that makes the task. Null: cairn itself makes it, in the
  // calling thread.
  virtual void before_birth(RestoreContext& context, const Record& record, RestoredTask* creator) const = 0;
};

template <typename State, Level kLevel>
class AttributeKind : public TypedKind<State>, public AnyAttributeKind {
 public:
  graph::Shape shape() const final { return graph::Shape::kAttribute; }
  Level level() const final { return kLevel; }
  // `task` is the chosen member. Batch calls run in it.
  virtual Reading<State> describe(DescribeContext& context, const TaskView& task, tracee::Batch& batch) const = 0;
  // Puts calls into task.batch() or acts on task.thread() from outside.
  virtual void apply(RestoreContext& context, const State& state, RestoredTask& task) const = 0;
  virtual void check(CheckContext&, const State&) const {}
  // What the kernel still shows of it in a zombie.
  virtual std::optional<State> describe_remains(DescribeContext&, const kernel::ProcDir&) const { return std::nullopt; }

  image::AnyState describe_remains_any(DescribeContext& context, const kernel::ProcDir& zombie) const final {
    std::optional<State> state = describe_remains(context, zombie);
    return state ? std::make_unique<State>(std::move(*state)) : image::AnyState{};
  }
  AnyReading describe_any(DescribeContext& context, const TaskView& task, tracee::Batch& batch) const final {
    return [read = describe(context, task, batch)]() -> image::AnyState {
      std::optional<State> state = read();
      return state ? std::make_unique<State>(std::move(*state)) : image::AnyState{};
    };
  }
  void check(CheckContext& context, const Record& record) const final { check(context, record.as<State>()); }
  void reach(RestoreContext& context, const Record& record, Milestone milestone) const final {
    if (milestone == image::MADE) apply(context, record.as<State>(), context.actor_of(record.owner));
  }
};

// What is refused wherever it is met, as soon as the task is looked at: no image has it.
template <typename State, Level kLevel>
class RefusedAttributeKind : public AttributeKind<State, kLevel> {
 public:
  virtual void refuse(DescribeContext& context, const TaskView& task) const = 0;

  Reading<State> describe(DescribeContext& context, const TaskView& task, tracee::Batch&) const final {
    refuse(context, task);
    return [] { return std::nullopt; };
  }
  void apply(RestoreContext&, const State&, RestoredTask&) const final {}
};

}  // namespace cairn::resources
