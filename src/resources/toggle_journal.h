// Where changes of live objects are noted before they are made, so that they are taken back even if cairn is killed.
#pragma once

#include <cstddef>

namespace cairn::resources {

// setsockopt(fd, level, option, &value, sizeof(int)) takes it back.
struct ToggleNote {
  int fd, level, option, value;
};

class ToggleJournal {
 public:
  virtual ~ToggleJournal() = default;
  // When this returns, the change may be made. The descriptor must stay open until the note is struck out.
  virtual size_t note(const ToggleNote& note) = 0;
  virtual void strike(size_t place) = 0;
};

}  // namespace cairn::resources
