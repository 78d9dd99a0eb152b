// cairn-init: pid 1 of a pid namespace that cairn has made for a tree without one (pid_namespaces(7)). It reaps whom
// nobody else waits for, forwards signals from outside to the root, and ends when it has no child any more, with the
// root's status. It is all of ours that outlives a restore; it holds no descriptor, and a later checkpoint passes it
// over.
#pragma once

#include <memory>
#include <optional>

#include "base/ids.h"
#include "base/owned_fd.h"
#include "engine/envelope.h"
#include "kernel/procfs.h"

namespace cairn::engine {

inline constexpr const char* kInitName = "cairn-init";

// Runs in the child that becomes init, once its namespaces are set up; returns what went wrong.
class InitChild {
 public:
  virtual ~InitChild() = default;
  virtual EnvelopeSetup::Failure start_planter() const = 0;
};

enum class Place { kChild, kSibling };  // of cairn

// Our handle of it.
class Init {
 public:
  // Error when the namespaces can't be made.
  Init(const Envelope& envelope, Place place, const InitChild& child);
  Init(const Init&) = delete;
  ~Init();  // kills it, and all in its namespace, unless it was committed

  HostPid pid() const { return pid_; }
  // The tree may live without us from now on. Children of init that are dead have been reaped.
  enum class Session { kStays, kOwn };  // of init: that of a shell, or one of its own
  void commit(NamespacePid root, Session session);
  // What has become of the root: a wait status, WIFSTOPPED included, or nothing yet (a signal came, or time has
  // passed). Each is told once.
  std::optional<int> wait_for_root();

 private:
  struct Board;
  [[noreturn]] static void be_init(const EnvelopeSetup& setup, const InitChild& child, int socket, Board& board);
  bool answers(void* answer, size_t size);
  void wait_until_ready();
  void end();

  Board* board_ = nullptr;  // memory that both share
  uint32_t seen_ = 0;
  bool is_child_ = true, committed_ = false;
  OwnedFd socket_;
  HostPid pid_;
};

// A path in the mount namespace of a cairn-init, for our own calls.
std::string path_below(HostPid init, const std::string& path);

// Whether this process is one.
bool is_init(const kernel::ProcDir& process);

}  // namespace cairn::engine
