#include "engine/checkpoint.h"

#include <sys/utsname.h>

#include <algorithm>
#include <thread>

#include "base/log.h"
#include "engine/description.h"
#include "engine/pause_limit.h"
#include "engine/surroundings.h"
#include "graph/plan.h"
#include "graph/sharing.h"
#include "kernel/calls.h"
#include "kernel/cancel.h"

namespace cairn::engine {
namespace {

using Clock = tracee::Clock;

std::string comm_of(HostPid pid) {
  auto proc = kernel::ProcDir::open(pid);
  std::string comm = proc ? proc->try_read("comm").value_or("") : "";
  if (comm.empty()) throw Error(fmt::format("process {}: there is no such process", pid.value));
  comm.pop_back();
  std::replace(comm.begin(), comm.end(), '/', '_');
  return comm;
}

image::Head make_head(const std::string& command, const Description& description) {
  image::Head head;
  head.set_format_version(image::kFormatVersion);
  head.set_created_ns(kernel::clock_now(CLOCK_REALTIME));
  head.set_monotonic_ns(description.moment().tree.monotonic);
  head.set_boottime_ns(description.moment().tree.boottime);
  head.set_command(command);
  head.set_root(description.root().value);
  utsname host{};
  ::uname(&host);
  head.mutable_host()->set_kernel_release(host.release);
  head.mutable_host()->set_machine(host.machine);
  std::string boot_id = kernel::read_file("/proc/sys/kernel/random/boot_id");
  head.mutable_host()->set_boot_id(boot_id.substr(0, boot_id.find('\n')));
  return head;
}

// A reference to a record that has become an obstacle instead can't be followed; so these come first.
void judge(Description& description) {
  std::vector<graph::Obstacle> obstacles = description.obstacles();
  if (obstacles.empty()) {
    graph::Tree tree(description.records());
    graph::Births births = graph::plan_births(tree);
    obstacles = births.obstacles();
    if (obstacles.empty()) obstacles = graph::find_unshareable(description.records(), tree, births);
  }
  if (!obstacles.empty()) throw graph::Refused(std::move(obstacles));
}

// What can't be ordered (a cycle) can't be restored. This needs the records alone, so the tree may run again.
void refuse_unplannable(const graph::RecordSet& records) {
  graph::Tree tree(records);
  graph::Plan(records, tree, graph::plan_births(tree), resources::facts_of);
}

// Obstacles that pass are waited for: the tree runs for a moment, and longer from time to time, until the deadline. So
// is a tree that has lost a task under our eyes, to a kill or an exec of another thread.
void describe_at_good_moment(Checkpoint& checkpoint, Clock::time_point deadline) {
  constexpr std::chrono::milliseconds kFirstWait{1}, kLongestWait{250};
  for (auto wait = kFirstWait;; wait = std::min(2 * wait, kLongestWait)) {
    try {
      checkpoint.hold();
      return checkpoint.describe();
    } catch (const graph::Refused& refused) {
      if (!refused.passes() || Clock::now() + wait > deadline) throw;
      log::detail("not now, looking again: {}", refused.what());
    } catch (const tracee::Died& died) {
      if (Clock::now() + wait > deadline) throw;
      log::detail("looking again: {}", died.what());
    }
    checkpoint.let_go();
    std::this_thread::sleep_for(wait);
  }
}

class Capture final : public resources::CaptureContext {
 public:
  Capture(Description& description, Snapshots& snapshots, image::PageWriter& pages)
      : description_(description),
        snapshots_(snapshots),
        pages_(pages),
        shared_pages_(description.records().of_kind("mm").size()) {}
  image::PageWriter& pages() override { return pages_; }
  memory::SharedPages& shared_pages() override { return shared_pages_; }
  tracee::HeldProcess& process_of(RecordId record) override { return description_.process_of(record); }
  std::optional<HostPid> snapshot_of(RecordId mm) const override { return snapshots_.of(mm); }
  void defer(RecordId mm, std::function<void()> capture) override { deferred_.emplace_back(mm, std::move(capture)); }
  // What has been written of a snapshot proves nothing when it has died meanwhile: then it was empty.
  void capture_deferred() {
    for (const auto& [mm, capture] : deferred_) {
      within([mm = mm] { return fmt::format("snapshot of the address space {}", mm.value); },
             [&, mm = mm, &capture = capture] {
               capture();
               snapshots_.finish(mm);
             });
    }
  }

 private:
  Description& description_;
  Snapshots& snapshots_;
  image::PageWriter& pages_;
  memory::SharedPages shared_pages_;
  std::vector<std::pair<RecordId, std::function<void()>>> deferred_;
};

}  // namespace

struct Checkpoint::State {
  CheckpointOptions options;
  CheckpointResult result;
  std::string command;
  Clock::time_point began = Clock::now();
  Guard guard;                            // ends last
  std::optional<PauseLimit> pause_limit;  // while the tree is held
  std::optional<tracee::Hold> hold;
  std::optional<Description> description;
  std::optional<image::Writer> writer;
  bool committed = false;

  void release();
  void prepare_end();
  void end();
};

void Checkpoint::State::release() {
  pause_limit.reset();  // first: nothing must cancel the release
  if (hold) hold->release();
}

// Whatever can fail about the end of the tree must fail before there is an image.
void Checkpoint::State::prepare_end() {
  if (options.then == Then::kResume) return;
  constexpr int kNone = 0;  // asks for the right alone
  for (const tracee::HeldProcess& process : hold->processes()) {
    if (process.zombie) continue;
    kernel::kill(process.pid, kNone);
    // One process ends by one call. Of several, a cairn that is killed half way would leave half.
    if (hold->processes().size() > 1) guard.watch(process.pid);
  }
}

void Checkpoint::State::end() {
  bool guarded = guard.watches();
  if (options.then == Then::kKill) {
    if (guarded) guard.arm(SIGKILL);
    hold->kill();
  } else {
    if (guarded) guard.arm(SIGSTOP);
    hold->release_stopped();
  }
  guard.disarm();
}

Checkpoint::Checkpoint(CheckpointOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->options.root = root_of_tree(state_->options.root);
  state_->command = comm_of(state_->options.root);
  if (state_->options.output.empty()) {
    state_->options.output = fmt::format("./{}-{}.cairn", state_->command, state_->options.root.value);
  }
  state_->result.image = state_->options.output;
}

Checkpoint::~Checkpoint() {
  try {
    if (!state_->committed) abort();
  } catch (const std::exception& error) {
    log::notice("while giving up: {}", error.what());
  }
}

void Checkpoint::hold() {
  // An unwritable or taken output is found before anything is touched.
  if (!state_->writer) {
    const CheckpointOptions& options = state_->options;
    state_->writer.emplace(image::Writer::create(options.output, options.existing, options.compression));
  }
  if (state_->options.most_pause) state_->pause_limit.emplace(*state_->options.most_pause);
  state_->hold.emplace(tracee::Hold::tree(state_->options.root, Clock::now() + state_->options.timeout));
}

void Checkpoint::describe() {
  state_->description.emplace(*state_->hold, state_->guard, state_->options.external);
  state_->description->describe();
  judge(*state_->description);
}

void Checkpoint::let_go() {
  state_->description.reset();
  state_->release();
  state_->hold.reset();
}

void Checkpoint::capture() {
  state_->writer->set_head(make_head(state_->command, *state_->description));
  Snapshots snapshots;
  if (state_->options.then == Then::kResume) snapshots.take(*state_->hold, *state_->description, state_->options.live);
  Capture context(*state_->description, snapshots, state_->writer->pages());
  ProgressReporter reporter(state_->options.progress, [&] {
    return Progress{"capture", state_->writer->pages().bytes()};
  });
  for (auto& [id, record] : state_->description->records().all()) {
    kernel::stop_if_canceled();
    within([&, &record = record] { return fmt::format("{} {}", record.kind(), record.id.value); },
           [&, &record = record] {
             resources::kind_of(record).capture(context, record, state_->description->fd(record.id));
           });
  }
  for (const tracee::HeldProcess& process : state_->hold->processes()) {
    state_->result.processes += 1;
    state_->result.threads += process.tasks.size();
  }
  state_->result.snapshots = snapshots.count();
  // From here on the target isn't needed; unless it is to end, it may go on.
  if (state_->options.then == Then::kResume) {
    state_->description->let_go_of_descriptors();
    state_->release();
  }
  context.capture_deferred();
}

void Checkpoint::prepare() {
  kernel::stop_if_canceled();
  refuse_unplannable(state_->description->records());
  for (const auto& [id, record] : state_->description->records().all()) {
    state_->writer->add_record(id, record.kind(), record.owner, record.state.message());
  }
  state_->prepare_end();
}

void Checkpoint::commit() {
  ProgressReporter reporter(state_->options.progress, [&] {
    return Progress{"write to the disk", state_->writer->pages().bytes()};
  });
  kernel::stop_if_canceled();
  state_->writer->commit();
  kernel::end_of_canceling();
  state_->committed = true;
  state_->result.bytes = state_->writer->bytes();
}

void Checkpoint::release() {
  if (state_->options.then == Then::kResume) {
    state_->hold->release();
  } else {
    within([&] { return fmt::format("the image {} is complete, but its processes", state_->result.image); },
           [&] { state_->end(); });
  }
}

void Checkpoint::abort() {
  state_->description.reset();
  state_->release();
  state_->writer.reset();
}

CheckpointResult Checkpoint::result() const {
  CheckpointResult result = state_->result;
  if (state_->hold) result.pause = state_->hold->pause();
  result.total = Clock::now() - state_->began;
  return result;
}

CheckpointResult checkpoint(const CheckpointOptions& options) {
  return within([&] { return fmt::format("checkpoint {}", options.root.value); },
                [&] {
                  Checkpoint checkpoint(options);
                  describe_at_good_moment(checkpoint, Clock::now() + options.timeout);
                  checkpoint.capture();
                  checkpoint.prepare();
                  checkpoint.commit();
                  checkpoint.release();
                  return checkpoint.result();
                });
}

std::vector<graph::Obstacle> check(HostPid root, std::chrono::milliseconds timeout,
                                   const std::set<std::string>& external) {
  Guard guard;
  tracee::Hold hold = tracee::Hold::tree(root_of_tree(root), Clock::now() + timeout);
  Description description(hold, guard, external);
  description.describe();
  try {
    judge(description);
  } catch (const graph::Refused& refused) {
    return refused.obstacles();
  }
  hold.release();
  refuse_unplannable(description.records());
  return {};
}

}  // namespace cairn::engine
