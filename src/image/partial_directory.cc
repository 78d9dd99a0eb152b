#include "image/partial_directory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <future>

#include "base/error.h"
#include "base/log.h"
#include "base/scope_guard.h"
#include "image/format.h"
#include "kernel/calls.h"
#include "kernel/storage.h"

namespace cairn::image {
namespace {

constexpr int kMostAttempts = 16;
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const std::string name = path.substr(path.rfind('/') + 1);
  if (name.empty() || name == "." || name == "..") {
    throw Error(fmt::format("\"{}\" is no name for an image", path), Failure::kUsage);
  }
  return path;
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool is_ours(const std::string& name) { return std::find(kFiles.begin(), kFiles.end(), name) != kFiles.end(); }

// Removes the files of an image, or of a part of one; refuses when there is anything else.
void empty_directory(int directory, const std::string& path) {
  const std::vector<std::string> names = kernel::list_directory(directory);
  for (const std::string& name : names) {
    if (!is_ours(name)) throw Error(fmt::format("{} holds {}, which is not cairn's", path, name), Failure::kRefused);
  }
  for (const std::string& name : names) kernel::unlink_at(directory, name);
}

// Whether `path` itself (no link to it) still is the directory that we have open.
bool still_names(const std::string& path, int directory) {
  const std::optional<struct stat> there = kernel::try_stat_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
  const struct stat ours = kernel::fstat(directory);
  return there && there->st_dev == ours.st_dev && there->st_ino == ours.st_ino;
}

void check_is_image(int directory, const std::string& path) {
  auto refuse = [&](const std::string& why) {
    throw Error(fmt::format("{} is not replaced: {}", path, why), Failure::kRefused);
  };
  for (const std::string& name : kernel::list_directory(directory)) {
    if (!is_ours(name)) refuse("it holds " + name + ", which is not part of an image");
  }
  std::optional<OwnedFd> head =
      kernel::try_open_at(directory, std::string(kHeadFile), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!head) refuse("it is not an image");
  std::string magic = kernel::read_all(head->get(), kMostHeadFile);
  if (!magic.starts_with(kHeadMagic)) refuse("it is not an image");
}

// Opens the image that is to be replaced, and keeps other cairns from it. Empty when there is nothing.
OwnedFd hold_old_image(const std::string& path) {
  if (!kernel::try_stat_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW)) return {};
  std::optional<OwnedFd> old = kernel::try_open_at(AT_FDCWD, path, kDirectoryFlags);
  if (!old) throw Error(fmt::format("{} is not replaced: it is not a directory", path), Failure::kRefused);
  if (!kernel::try_lock_exclusive(old->get())) throw Error(fmt::format("another cairn is working on {}", path));
  check_is_image(old->get(), path);
  return std::move(*old);
}

void check_owner(int directory, const std::string& path) {
  // Somebody else's directory could be filled behind our back; in a shared parent anybody can make one.
  if (kernel::fstat(directory).st_uid != ::geteuid()) {
    throw Error(fmt::format("{} belongs to another user", path), Failure::kRefused);
  }
}

// Each fsync of a small file on a journalling file system waits for the same two things, the commit of the journal and
// the flush of the disk. Concurrent ones wait together: on ext4 8 ms instead of 28 ms for the six of an image.
void sync_together(const std::vector<int>& fds) {
  std::vector<std::future<void>> synced;
  synced.reserve(fds.size());
  // Where no thread can be had, the call is made by get().
  for (int fd : fds) synced.push_back(std::async(std::launch::async | std::launch::deferred, kernel::fsync, fd));
  for (std::future<void>& one : synced) one.get();
}

// Gives `from` the name `to` unless that is taken. File systems without RENAME_NOREPLACE (NFS, some of FUSE) say
// EINVAL; there the plain rename of a directory replaces an empty directory at most.
int rename_if_free(const std::string& from, const std::string& to) {
  const int result = kernel::try_rename(from, to, RENAME_NOREPLACE);
  return result == -EINVAL ? kernel::try_rename(from, to, 0) : result;
}

}  // namespace

PartialDirectory::PartialDirectory(const std::string& path, Existing existing)
    : final_(without_trailing_slashes(path)),
      partial_(final_ + ".partial"),
      parent_(parent_of(final_)),
      existing_(existing) {}

PartialDirectory::~PartialDirectory() {
  if (fd_) remove(fd_.get());
}

void PartialDirectory::claim() {
  check_target();
  parent_fd_ = kernel::open(parent_, O_RDONLY | O_DIRECTORY);
  // Each failed attempt means that another cairn removed or renamed the directory just then.
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    if (try_claim()) return;
  }
  throw Error(partial_ + ": other cairns keep on making and removing it");
}

void PartialDirectory::check_target() const {
  if (existing_ == Existing::kReplace) {
    hold_old_image(final_);
  } else if (kernel::try_stat_at(AT_FDCWD, final_, AT_SYMLINK_NOFOLLOW)) {
    throw Error(final_ + " exists already", Failure::kRefused);
  }
}

bool PartialDirectory::try_claim() {
  const bool made = kernel::try_make_directory(partial_, 0700);
  ScopeGuard undo([&] {
    if (made) ::rmdir(partial_.c_str());
  });
  std::optional<OwnedFd> directory = kernel::try_open_at(AT_FDCWD, partial_, kDirectoryFlags);
  if (!directory) {
    if (!kernel::try_stat_at(AT_FDCWD, partial_, AT_SYMLINK_NOFOLLOW)) return false;
    throw Error(partial_ + " is in the way: it is not a directory", Failure::kRefused);
  }
  if (!kernel::try_lock_exclusive(directory->get())) throw Error("another cairn is writing " + partial_);
  if (!still_names(partial_, directory->get())) return false;
  check_owner(directory->get(), partial_);
  empty_directory(directory->get(), partial_);
  kernel::change_mode(directory->get(), 0700);  // whatever the umask is
  undo.dismiss();
  fd_ = std::move(*directory);
  return true;
}

OwnedFd PartialDirectory::make_file(std::string_view name) const {
  OwnedFd file = kernel::open_at(fd_.get(), std::string(name), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  kernel::change_mode(file.get(), 0600);
  return file;
}

void PartialDirectory::publish(std::vector<int> files) {
  files.push_back(fd_.get());
  sync_together(files);
  OwnedFd old = existing_ == Existing::kReplace ? hold_old_image(final_) : OwnedFd();
  rename_durably(static_cast<bool>(old));
  fd_.reset();
  if (old) remove(old.get());  // the exchange gave it the name of the partial one
}

void PartialDirectory::rename_durably(bool exchange) {
  auto rename = [&](const std::string& from, const std::string& to) {
    return exchange ? kernel::try_rename(from, to, RENAME_EXCHANGE) : rename_if_free(from, to);
  };
  const int result = rename(partial_, final_);
  if (result == -EEXIST || result == -ENOTEMPTY) throw Error(final_ + " exists already", Failure::kRefused);
  if (exchange && result == -EINVAL) {
    throw Error(fmt::format("{} is not replaced: this file system can't exchange two names; remove it first", final_));
  }
  if (result < 0) throw Error::system(fmt::format("rename {} to {}", partial_, final_), -result);
  // Until the new name is on the disk there is no image: a crash may still bring the old state back.
  ScopeGuard undo([&] { rename(final_, partial_); });
  kernel::fsync(parent_fd_.get());
  undo.dismiss();
}

// A failure to remove what has lost its purpose is no failure of the commit or of the undoing: the next cairn that
// writes here removes what is left.
void PartialDirectory::remove(int directory) const {
  try {
    empty_directory(directory, partial_);
    kernel::unlink_at(AT_FDCWD, partial_, AT_REMOVEDIR);
  } catch (const Error& error) {
    log::notice("{} is left over: {}", partial_, error.text());
  }
}

}  // namespace cairn::image
