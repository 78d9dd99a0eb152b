// A restore in progress: the tasks and objects that exist so far, and the running of a plan over them.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "engine/guard.h"
#include "engine/planter.h"
#include "engine/restore.h"
#include "kernel/pid_namespace.h"
#include "resources/registry.h"

namespace cairn::engine {

class Restoration final : public resources::RestoreContext {
 public:
  Restoration(const graph::RecordSet& records, const graph::Tree& tree, const graph::Births& births,
              const image::Reader& image, Parent parent, const Envelope& envelope);
  Restoration(const Restoration&) = delete;
  // Kills and reaps every task that was made, unless release() was called.
  ~Restoration() override;

  // What the user gives for ends outside the tree; it must outlive run().
  void inherit(const std::map<std::string, resources::Inherited>& given) { given_ = &given; }
  void run(const graph::Plan& plan);
  void hold();  // what could still fail has happened
  void release();
  // The root, or the init that is our caller's child in its place.
  HostPid reported_pid();
  // After the release: the init of the tree's own pid namespace, if it has one.
  std::unique_ptr<Init> take_init() { return std::move(init_); }

  const graph::RecordSet& records() const override { return records_; }
  const graph::Tree& tree() const override { return tree_; }
  const graph::Births& births() const override { return births_; }
  const image::Reader& image() const override { return image_; }
  void keep(RecordId record, OwnedFd fd) override;
  int fd(RecordId record) const override;
  resources::RestoredTask& actor_of(RecordId record) override;
  resources::RestoredTask& planter() override { return *planter_; }
  void expect_birth(RecordId task, resources::RestoredTask& creator) override;
  resources::RestoredTask& begin_temporary(resources::RestoredTask& creator, uint64_t flags) override;
  void end_temporary(resources::RestoredTask& creator) override;
  void end(RecordId process) override;
  void end_phantom(RecordId process) override;
  int socket_number() const override { return socket_number_; }
  std::vector<int> hand_over(resources::RestoredTask& task, std::span<const int> fds) override;
  resources::HeldMemory& held_memory(RecordId mm) override { return held_memory_[mm]; }
  const kernel::KeyValues* birth_status() const override { return birth_status_ ? &*birth_status_ : nullptr; }
  std::string path_in_tree(const std::string& path) const override;
  Root root_origin() const override;
  bool root_starts_session() const override;
  const resources::Inherited* inherited(const std::string& name) const override;

 private:
  struct Expected {
    resources::RestoredTask* creator;
    size_t slot;
  };

  void plant_root();
  pid_t unused_id() const;
  HostPid host_id(NamespacePid id) const;
  void plant_planter(PlanterRequest request);
  std::unique_ptr<resources::RestoredTask> plant_with_clocks(PlanterRequest& request, size_t slot, RecordId record);
  void run_step(const graph::Plan& plan, size_t index);
  void flush_needed(const graph::Plan& plan, const graph::Step& step);
  void flush_everything();
  resources::RestoredTask& adopt(RecordId task);
  void retire_planter();
  void remove_batch_regions();
  void hand_over_group(resources::RestoredTask& task, std::span<const int> fds, std::vector<int>& numbers);

  const graph::RecordSet& records_;
  const graph::Tree& tree_;
  const graph::Births& births_;
  const image::Reader& image_;
  Parent parent_;
  Envelope envelope_;
  Guard guard_;
  bool released_ = false;
  const std::map<std::string, resources::Inherited>* given_ = nullptr;

  RemoteAddress batch_start_{};
  std::unique_ptr<tracee::SharedSpace> space_;
  size_t next_slot_ = 0;
  OwnedFd socket_, far_socket_;
  int socket_number_ = 0;

  std::unique_ptr<Init> init_;
  kernel::PidNamespace pids_;  // the tree's
  std::optional<kernel::KeyValues> birth_status_;
  std::unique_ptr<resources::RestoredTask> planter_;
  std::unique_ptr<resources::RestoredTask> temporary_;
  std::optional<size_t> temporary_slot_;
  std::map<RecordId, Expected> expected_;
  std::map<RecordId, std::unique_ptr<resources::RestoredTask>> tasks_;
  std::vector<RecordId> order_;  // of adoption: creators before what they cloned
  std::map<RecordId, OwnedFd> kept_;
  std::map<RecordId, resources::HeldMemory> held_memory_;
};

}  // namespace cairn::engine
