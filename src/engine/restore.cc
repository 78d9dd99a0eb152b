#include "engine/restore.h"

#include <thread>

#include "engine/image_births.h"
#include "engine/restoration.h"
#include "kernel/cancel.h"

namespace cairn::engine {
namespace {

constexpr auto kPatience = std::chrono::seconds(3);
constexpr auto kPause = std::chrono::milliseconds(2);

class Checks final : public resources::CheckContext {
 public:
  Checks(const graph::RecordSet& records, const graph::Tree& tree, const image::Head& head,
         const RestoreOptions& options, const Envelope& envelope)
      : records_(records), tree_(tree), head_(head), options_(options), envelope_(envelope) {
    if (!envelope_.pids) return;
    std::string problem = envelope_problem(envelope_);
    add({"cairn",
         envelope_.user ? "the right to choose process ids, or to make user, pid and mount namespaces"
                        : "the right to make pid and mount namespaces",
         problem.empty(), problem});
  }
  const graph::RecordSet& records() const override { return records_; }
  const graph::Tree& tree() const override { return tree_; }
  const image::Head& head() const override { return head_; }
  bool has_own_pids() const override { return envelope_.pids; }
  bool has_own_users() const override { return envelope_.user; }
  bool in_foreground() const override { return options_.parent == Parent::kCairn; }
  bool accepts_change(const std::string& path) const override {
    if (!options_.accept_changed.contains(path)) return false;
    named_.insert(path);
    return true;
  }
  const resources::Inherited* inherited(const std::string& name) const override {
    auto place = options_.inherit.find(name);
    if (place == options_.inherit.end()) return nullptr;
    named_.insert(name);
    return &place->second;
  }

  // A name that was mistyped must not go unnoticed.
  void check_options() {
    auto check = [this](const char* option, const std::string& name, const char* needed, const char* missing) {
      bool is_known = named_.contains(name);
      add({fmt::format("{} {}", option, name), needed, is_known, is_known ? "" : missing});
    };
    for (const std::string& path : options_.accept_changed)
      check("--accept-changed", path, "the image must need this file, by its absolute path",
            "no such file in the image");
    for (const auto& [name, given] : options_.inherit)
      check("--inherit", name, "the image must have an external end of this name", "no such end in the image");
  }

 private:
  const graph::RecordSet& records_;
  const graph::Tree& tree_;
  const image::Head& head_;
  const RestoreOptions& options_;
  const Envelope& envelope_;
  mutable std::set<std::string> named_;  // in the image, of what the options name
};

}  // namespace

struct Restore::State {
  explicit State(RestoreOptions given) : options(std::move(given)) {}

  RestoreOptions options;
  Envelope envelope = choose_envelope(options.pids);
  tracee::Clock::time_point began = tracee::Clock::now();
  std::optional<image::Reader> image;
  graph::RecordSet records;
  std::optional<graph::Tree> tree;
  graph::Births births;
  std::optional<graph::Plan> plan;
  std::vector<graph::Precondition> preconditions;
  std::optional<Restoration> restoration;
  HostPid root;
  std::shared_ptr<Init> init;
  std::chrono::nanoseconds total{};

  void read() {
    image.emplace(image::Reader::open(options.image));
    records = graph::parse_records(image->records(), resources::make_state);
    tree.emplace(records);
    births = births_of_image(*tree);
    plan.emplace(records, *tree, births, resources::facts_of);
  }

  // Ids of a tree that was killed just now come free when its dead are waited for.
  void check_with_patience() {
    for (auto end = tracee::Clock::now() + kPatience;; std::this_thread::sleep_for(kPause)) {
      check();
      if (!waits_for_others() || tracee::Clock::now() >= end) return;
      kernel::stop_if_canceled();
    }
  }

  bool waits_for_others() const {
    bool waits = false;
    for (const graph::Precondition& precondition : preconditions) {
      if (!precondition.met && !precondition.passes) return false;
      waits = waits || !precondition.met;
    }
    return waits;
  }

  void check() {
    Checks checks(records, *tree, image->head(), options, envelope);
    for (const auto& [id, record] : records.all()) resources::kind_of(record).check(checks, record);
    check_parent(checks);
    checks.check_options();
    preconditions = checks.preconditions();
  }

  void refuse_unmet() const {
    std::vector<graph::Precondition> unmet;
    for (const graph::Precondition& precondition : preconditions) {
      if (!precondition.met) unmet.push_back(precondition);
    }
    if (!unmet.empty()) throw graph::Unmet(std::move(unmet));
  }

  // After a failure. Ids of what we have made ourselves are not long in coming free.
  void check_again() {
    try {
      check_with_patience();
    } catch (const Error&) {
      return;  // the failure itself is told
    }
    if (!waits_for_others()) refuse_unmet();
  }

  void build() {
    restoration.emplace(records, *tree, births, *image, options.parent, envelope);
    restoration->inherit(options.inherit);
    restoration->run(*plan);
    root = restoration->reported_pid();
  }

  // A dead leader of the root's session would be a child of the caller too, who would have to reap it.
  void check_parent(Checks& checks) const {
    if (options.parent != Parent::kCaller) return;
    const graph::ProcessNode& root = tree->root();
    if (!births.of(root.id).creator) return;
    checks.add({fmt::format("process {}", root.state->pid()),
                fmt::format("its session {} has lost its leader: no --sibling", root.state->session()), false,
                "--sibling"});
  }
};

Restore::Restore(RestoreOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Restore::~Restore() = default;

void Restore::open() {
  state_->read();
  state_->check_with_patience();
  state_->refuse_unmet();
}

// Others may have taken an id, or changed a file, since they were checked: then that is the reason of a failure.
void Restore::build() {
  try {
    state_->build();
  } catch (const Error& error) {
    if (error.failure() != Failure::kFailed || kernel::canceled_by() != 0) throw;
    state_->restoration.reset();
    state_->check_again();
    throw;
  }
}

void Restore::hold() {
  kernel::stop_if_canceled();
  state_->restoration->hold();
}

void Restore::release() {
  state_->restoration->release();
  state_->init = state_->restoration->take_init();
  state_->total = tracee::Clock::now() - state_->began;
}

std::vector<graph::Precondition> Restore::preconditions() const { return state_->preconditions; }
std::vector<std::string> Restore::plan() const { return state_->plan->explain(state_->records); }

RestoreResult Restore::result() const {
  RestoreResult result;
  result.root = state_->root;
  result.init = state_->init;
  result.processes = state_->tree->processes().size();
  for (RecordId process : state_->tree->processes()) {
    if (state_->tree->process(process).alive()) result.threads += state_->tree->process(process).tasks.size();
  }
  result.total = state_->total;
  return result;
}

RestoreResult restore(const RestoreOptions& options) {
  return within([&] { return fmt::format("restore {}", options.image); },
                [&] {
                  Restore restore(options);
                  restore.open();
                  restore.build();
                  restore.hold();
                  restore.release();
                  return restore.result();
                });
}

DryRun dry_run(const RestoreOptions& options) {
  return within([&] { return fmt::format("restore {}", options.image); },
                [&] {
                  Restore restore(options);
                  restore.state_->read();
                  restore.state_->check();
                  return DryRun{restore.preconditions(), restore.plan()};
                });
}

}  // namespace cairn::engine
