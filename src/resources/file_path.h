// Files that are opened by name: does the name of a description still lead to its file, and is it the same file when
// it is opened again? Shared by the kinds that have one (file, fifo, device).
#pragma once

#include <optional>
#include <string>

#include "resources/describe_context.h"
#include "resources/file_path.pb.h"
#include "resources/kind.h"

namespace cairn::resources {

// The name of the file, which leads to it now; otherwise an obstacle was added that says where it leads.
std::optional<image::FilePath> describe_path(DescribeContext& context, const DescriptionView& view);

// Opens it again. Where it was opened by a name that it has lost, it gets that name back for the moment, if it is free,
// so that links in /proc look as before.
OwnedFd open_path(const RestoreContext& context, const image::FilePath& path, int flags);

inline constexpr long kMessageQueueFileSystem = 0x19800202;  // MQUEUE_MAGIC of ipc/mqueue.c

// Whether the regular files of a file system (its magic number) are no more than that. Elsewhere they are something
// else behind a descriptor, for other kinds to recognise: opening one again is another object, or has effects.
bool has_ordinary_files(long file_system);

// A file below /proc/PID, which belongs to a process: /proc/42/status, not /proc/meminfo.
bool is_of_process(const DescriptionView& view);

// What a file may have done since the checkpoint.
enum class Change {
  kNone,    // it was only read: same size and time of modification
  kGrowth,  // it was open for writing: it may have grown
  kAny,     // it must only exist (directories, files that the kernel makes up)
};
// Adds the precondition that the path leads to such a file. Where the user accepts a change of the file, its type is
// all that is asked for.
void check_path(CheckContext& context, const image::FilePath& path, Change allowed);
// Why a file isn't the one that was recorded; empty when it is. `found`: what the path leads to now, if anything.
std::string difference(const image::FilePath& path, const std::optional<struct stat>& found, Change allowed);

}  // namespace cairn::resources
