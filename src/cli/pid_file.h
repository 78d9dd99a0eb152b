// A file that names the root of a restored tree. It is there before the tree runs, and complete from the first moment
// that it can be seen; if the restore fails after all, it goes away again.
#pragma once

#include <string>

#include "base/ids.h"

namespace cairn::cli {

class PidFile {
 public:
  // Writes "PID\n" under a temporary name beside `path` and renames. An empty path writes nothing.
  PidFile(const std::string& path, HostPid pid);
  PidFile(const PidFile&) = delete;
  // Removes the file unless it was kept.
  ~PidFile();
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

}  // namespace cairn::cli
