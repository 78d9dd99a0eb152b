#include "resources/describe_context.h"

#include <fcntl.h>

#include "base/scope_guard.h"
#include "kernel/socket.h"
#include "kernel/storage.h"

namespace cairn::resources {
namespace {

kernel::ProcDir open_task_dir(HostPid process, HostPid thread) {
  auto proc = kernel::ProcDir::open(process, thread);
  if (!proc) throw Error(fmt::format("task {} of process {} is gone", thread.value, process.value));
  return std::move(*proc);
}

template <typename Value, typename Read>
const Value& cached(std::optional<Value>& cache, Read read) {
  if (!cache) cache = read();
  return *cache;
}

}  // namespace

TaskView::TaskView(tracee::HeldProcess& process, tracee::Task& task)
    : process_(&process), task_(&task), proc_(open_task_dir(process.pid, task.thread())) {}

const kernel::KeyValues& TaskView::status() const {
  return cached(status_, [&] { return proc_.status(); });
}

const kernel::Stat& TaskView::stat() const {
  return cached(stat_, [&] { return proc_.stat(); });
}

DescriptionView::DescriptionView(OwnedFd duplicate, HostPid holder, int number, std::optional<int> flags,
                                 RecordId record)
    : fd_(std::move(duplicate)), holder_(holder), number_(number), record_(record), flags_(flags) {}

const std::string& DescriptionView::link() const {
  return cached(link_, [&] { return kernel::link_of(fd()); });
}

const kernel::KeyValues& DescriptionView::fdinfo() const {
  return cached(fdinfo_, [&] { return kernel::fdinfo_of(fd()); });
}

const struct stat& DescriptionView::stat() const {
  return cached(stat_, [&] { return kernel::fstat(fd()); });
}

long DescriptionView::file_system() const {
  return cached(file_system_, [&] { return kernel::file_system_type(fd()); });
}

int DescriptionView::flags() const {
  return cached(flags_, [&] { return kernel::fcntl(fd(), F_GETFL); });
}

SocketToggle::SocketToggle(int fd, int level, int option, int value, ToggleJournal* journal,
                           std::optional<int> undone_by)
    : original_{fd, level, option, undone_by ? *undone_by : kernel::socket_option(fd, level, option)},
      journal_(journal) {
  if (journal_) place_ = journal_->note(original_);
  ScopeGuard undo([&] {
    put_back();
    if (journal_) journal_->strike(place_);
  });
  if (value != original_.value) kernel::set_socket_option(fd, level, option, value);
  undo.dismiss();
}

SocketToggle::~SocketToggle() {
  put_back();
  if (journal_) journal_->strike(place_);
}

// Also where it had this value before: the peek offset moves.
void SocketToggle::put_back() const {
  std::string_view value(reinterpret_cast<const char*>(&original_.value), sizeof(original_.value));
  kernel::put_back_socket_option(original_.fd, original_.level, original_.option, value);
}

const std::vector<kernel::FileLock>& DescribeContext::locks() {
  return cached(locks_, [] { return kernel::parse_locks(kernel::read_file("/proc/locks")); });
}

graph::Outside& DescribeContext::outside() {
  if (!outside_) {
    std::set<HostPid> inside;
    for (const tracee::HeldProcess& process : processes()) inside.insert(process.pid);
    outside_.emplace(std::move(inside));
  }
  return *outside_;
}

void DescribeContext::run_judgements() {
  for (const auto& judgement : judgements_) judgement();
  judgements_.clear();
}

}  // namespace cairn::resources
