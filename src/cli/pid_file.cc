#include "cli/pid_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "base/error.h"
#include "base/scope_guard.h"
#include "kernel/calls.h"

namespace cairn::cli {

PidFile::PidFile(const std::string& path, HostPid pid) {
  if (path.empty()) return;
  within([&] { return "pid file " + path; },
         [&] {
           std::string temporary = fmt::format("{}.{}", path, getpid());
           OwnedFd file = kernel::open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
           ScopeGuard remove([&] { ::unlink(temporary.c_str()); });
           std::string text = fmt::format("{}\n", pid.value);
           kernel::write_all(file.get(), text.data(), text.size());
           kernel::rename(temporary, path, 0);
           remove.dismiss();
         });
  path_ = path;
}

PidFile::~PidFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace cairn::cli
