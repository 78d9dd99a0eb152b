#include "resources/describe_context.h"

#include <fcntl.h>

namespace cairn::resources {
namespace {

kernel::ProcDir open_task_dir(HostPid process, HostPid thread) {
  auto proc = kernel::ProcDir::open(process, thread);
  if (!proc) throw Error(fmt::format("task {} of process {} is gone", thread.value, process.value));
  return std::move(*proc);
}

template <typename Value, typename Read>
const Value& once(std::optional<Value>& cache, Read read) {
  if (!cache) cache = read();
  return *cache;
}

}  // namespace

TaskView::TaskView(tracee::HeldProcess& process, tracee::Task& task)
    : process_(&process), task_(&task), proc_(open_task_dir(process.pid, task.thread())) {}

const kernel::KeyValues& TaskView::status() const {
  return once(status_, [&] { return proc_.status(); });
}

const kernel::Stat& TaskView::stat() const {
  return once(stat_, [&] { return proc_.stat(); });
}

DescriptionView::DescriptionView(OwnedFd duplicate, HostPid holder, int number, std::optional<int> flags)
    : fd_(std::move(duplicate)), holder_(holder), number_(number), flags_(flags) {}

const std::string& DescriptionView::link() const {
  return once(link_, [&] { return kernel::read_link_at(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd())); });
}

const kernel::KeyValues& DescriptionView::fdinfo() const {
  return once(fdinfo_,
              [&] { return kernel::KeyValues::parse(kernel::read_file(fmt::format("/proc/self/fdinfo/{}", fd()))); });
}

const struct stat& DescriptionView::stat() const {
  return once(stat_, [&] { return kernel::fstat(fd()); });
}

int DescriptionView::flags() const {
  return once(flags_, [&] { return kernel::fcntl(fd(), F_GETFL); });
}

const std::vector<kernel::FileLock>& DescribeContext::locks() {
  return once(locks_, [] { return kernel::parse_locks(kernel::read_file("/proc/locks")); });
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
