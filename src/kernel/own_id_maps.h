// What a process writes first in a new user namespace (user_namespaces(7)): its own user and group are the only ones
// that are known there, under the ids that they have.
#pragma once

#include <string>

namespace cairn::kernel {

class OwnIdMaps {
 public:
  OwnIdMaps();  // of the caller, before it enters the namespace

  // In the namespace. Allocates nothing, for it may be a fork of a program with threads. Null: done; else what could
  // not be done, with its errno.
  const char* write() const;

 private:
  std::string users_, groups_;
};

}  // namespace cairn::kernel
