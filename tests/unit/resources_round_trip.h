// Describes descriptors of this very process and makes them again beside the old ones: both directions of a kind
// without an engine, a tree or tasks.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "graph/tree.h"
#include "kernel/identity.h"
#include "resources/registry.h"

namespace cairn::resources {

class Described final : public DescribeContext {
 public:
  void obstacle(std::string reason, std::string, std::string) override { obstacles.push_back(std::move(reason)); }
  bool is_batch_region(RemoteAddress) const override { return false; }
  void enter(std::string) override {}
  void leave() override {}

  RecordId object(const std::string& kind, const std::string& key, const std::function<NewObject()>& make) override {
    auto [place, is_new] = objects_.try_emplace(kind + " " + key);
    if (!is_new) return place->second;
    RecordId id = place->second = records_.reserve();
    NewObject object = make();
    records_.add(id, {}, std::move(object.state));
    handles_[id] = std::move(object.handle);
    return id;
  }

  RecordId description(HostPid process, int number) override {
    if (process.value != ::getpid()) return {};
    OwnedFd self = kernel::pidfd_open({::getpid()});
    auto duplicate = kernel::try_pidfd_getfd(self.get(), number);
    if (!duplicate) return {};
    return describe_once(std::move(*duplicate), {::getpid()}, number);
  }

  RecordId description_in_flight(OwnedFd duplicate, HostPid holder) override {
    return describe_once(std::move(duplicate), holder, DescriptionView::kInFlight);
  }

  RecordId description_of(OwnedFd file, HostPid process, int flags) override {
    RecordId id = records_.reserve();
    handles_[id] = kernel::duplicate(file.get());
    add(id, DescriptionView(std::move(file), process, -1, flags));
    return id;
  }

  RecordId process(HostPid pid) override { return {pid.value == ::getpid() ? uint64_t{1} << 40 : 0}; }
  RecordId task(HostPid) override { return {}; }
  std::vector<tracee::HeldProcess>& processes() override { return none_; }
  graph::RecordSet& records() override { return records_; }

  int handle(RecordId id) const {
    auto place = handles_.find(id);
    return place == handles_.end() ? -1 : place->second.get();
  }
  RecordId describe(int fd) { return description({::getpid()}, fd); }
  // Closes the duplicates.
  void forget() {
    descriptions_ = {};
    handles_.clear();
  }

  std::vector<std::string> obstacles;

 private:
  RecordId describe_once(OwnedFd duplicate, HostPid holder, int number) {
    size_t index = descriptions_.find_or_add(std::move(duplicate));
    if (index < ids_.size()) return ids_[index];
    RecordId id = records_.reserve();
    ids_.push_back(id);
    handles_[id] = kernel::duplicate(descriptions_.fd(index));
    add(id, DescriptionView(kernel::duplicate(descriptions_.fd(index)), holder, number, {}, id));
    return id;
  }

  void add(RecordId id, const DescriptionView& view) {
    int found = 0;
    for (const auto& kind : description_kinds()) {
      if (!kind.face->recognises(view)) continue;
      found++;
      records_.add(id, {}, kind.face->describe_any(*this, view));
    }
    EXPECT_EQ(found, 1) << view.link();
    for (const auto& attribute : description_attributes()) {
      if (auto state = attribute.face->describe_any(*this, view)) {
        records_.add(records_.reserve(), id, std::move(state));
      }
    }
  }

  graph::RecordSet records_;
  kernel::DescriptionIndex descriptions_;
  std::vector<RecordId> ids_;
  std::map<std::string, RecordId> objects_;
  std::map<RecordId, OwnedFd> handles_;
  std::vector<tracee::HeldProcess> none_;
};

// Records and pages in an image of its own.
class Captured final : public CaptureContext {
 public:
  explicit Captured(Described& described) {
    char base[] = "/tmp/cairn-round-trip-XXXXXX";
    directory_ = ::mkdtemp(base);
    image::Writer writer = image::Writer::create(directory_ + "/image", image::Existing::kRefuse);
    writer.set_head({});
    pages_ = &writer.pages();
    for (auto& [id, record] : described.records().all()) kind_of(record).capture(*this, record, described.handle(id));
    writer.commit();
    reader.emplace(image::Reader::open(directory_ + "/image"));
  }
  ~Captured() override {
    reader.reset();
    std::filesystem::remove_all(directory_);
  }
  image::PageWriter& pages() override { return *pages_; }
  memory::SharedPages& shared_pages() override { return shared_pages_; }
  tracee::HeldProcess& process_of(RecordId) override { throw Error("there are no processes"); }
  std::optional<HostPid> snapshot_of(RecordId) const override { return {}; }
  void defer(RecordId, std::function<void()> capture) override { capture(); }

  std::optional<image::Reader> reader;

 private:
  memory::SharedPages shared_pages_{1};
  std::string directory_;
  image::PageWriter* pages_ = nullptr;
};

class Restored final : public RestoreContext {
 public:
  Restored(const graph::RecordSet& records, const image::Reader* image) : records_(records), image_(image) {
    for (const auto& [id, record] : records.all()) make(record);
    for (const auto& [id, record] : records.all()) kind_of(record).reach(*this, record, Milestone::CONNECTED);
    for (const auto& [id, record] : records.all()) kind_of(record).reach(*this, record, Milestone::SEALED);
    run_last_actions();
  }

  const graph::RecordSet& records() const override { return records_; }
  const graph::Tree& tree() const override { throw Error("there is no tree"); }
  const graph::Births& births() const override { throw Error("there is no tree"); }
  const image::Reader& image() const override { return *image_; }
  void keep(RecordId record, OwnedFd fd) override { fds_[record] = std::move(fd); }
  int fd(RecordId record) const override {
    auto place = fds_.find(record);
    return place == fds_.end() ? -1 : place->second.get();
  }
  OwnedFd take(RecordId record) { return std::move(fds_.at(record)); }
  // What the engine does before the tree runs.
  void close_all() { fds_.clear(); }

  RestoredTask& actor_of(RecordId) override { throw Error("there are no tasks"); }
  RestoredTask& planter() override { throw Error("there are no tasks"); }
  void expect_birth(RecordId, RestoredTask&) override {}
  resources::RestoredTask& begin_temporary(resources::RestoredTask&, uint64_t) override {
    throw Error("there is none");
  }
  void end_temporary(resources::RestoredTask&) override {}
  void end(RecordId) override {}
  void end_phantom(RecordId) override {}
  int socket_number() const override { return -1; }
  std::vector<int> hand_over(RestoredTask&, std::span<const int>) override { return {}; }
  HeldMemory& held_memory(RecordId) override { return held_memory_; }
  Root root_origin() const override { return Root::kChildOfPlanter; }
  bool root_starts_session() const override { return false; }

 private:
  HeldMemory held_memory_;
  void make(const Record& record) {
    if (!made_.insert(record.id).second) return;
    if (record.owner) make(records_.at(record.owner));
    record.visit_references([&](const image::ReferenceField& field, RecordId target) {
      if (field.is_use && target) make(records_.at(target));
    });
    kind_of(record).reach(*this, record, Milestone::MADE);
  }

  const graph::RecordSet& records_;
  const image::Reader* image_;
  std::map<RecordId, OwnedFd> fds_;
  std::set<RecordId> made_;
};

class Unchecked final : public CheckContext {
 public:
  explicit Unchecked(const graph::RecordSet& records) : records_(records) {
    for (const auto& [id, record] : records.all()) kind_of(record).check(*this, record);
  }
  const graph::RecordSet& records() const override { return records_; }
  const graph::Tree& tree() const override { throw Error("there is no tree"); }
  const image::Head& head() const override { return head_; }
  std::vector<Precondition> unmet() const {
    std::vector<Precondition> found;
    for (const Precondition& one : preconditions()) {
      if (!one.met) found.push_back(one);
    }
    return found;
  }

 private:
  const graph::RecordSet& records_;
  image::Head head_;
};

// These descriptors once more: new[i] is old[i] again. `described` must have no obstacle.
inline std::vector<OwnedFd> round_trip(const std::vector<int>& old) {
  Described described;
  std::vector<RecordId> ids;
  for (int fd : old) ids.push_back(described.describe(fd));
  described.run_judgements();
  EXPECT_EQ(described.obstacles, std::vector<std::string>{});
  if (!described.obstacles.empty()) throw Error("obstacles");
  Captured captured(described);
  EXPECT_TRUE(Unchecked(described.records()).unmet().empty());
  Restored restored(described.records(), &*captured.reader);
  std::vector<OwnedFd> made;
  for (RecordId id : ids) made.push_back(kernel::duplicate(restored.fd(id)));
  return made;
}

inline std::vector<std::string> obstacles_of(const std::vector<int>& fds) {
  Described described;
  for (int fd : fds) described.describe(fd);
  described.run_judgements();
  return described.obstacles;
}

// A directory that is the current one as long as this lives.
class ScratchDirectory {
 public:
  ScratchDirectory() : before_(std::filesystem::current_path()) {
    char base[] = "/tmp/cairn-files-XXXXXX";
    path_ = ::mkdtemp(base);
    std::filesystem::current_path(path_);
  }
  ~ScratchDirectory() {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(path_);
  }
  const std::string& path() const { return path_; }

 private:
  std::filesystem::path before_;
  std::string path_;
};

}  // namespace cairn::resources
