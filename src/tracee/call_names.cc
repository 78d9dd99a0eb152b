// x86-64, the kernel's arch/x86/entry/syscalls/syscall_64.tbl up to Linux 6.18.
#include "tracee/call_names.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace cairn::tracee {
namespace {

using namespace std::string_view_literals;

// clang-format off
constexpr std::array kLowNames = {
    "read"sv, "write"sv, "open"sv, "close"sv, "stat"sv, "fstat"sv, "lstat"sv, "poll"sv, "lseek"sv, "mmap"sv,
    "mprotect"sv, "munmap"sv, "brk"sv, "rt_sigaction"sv, "rt_sigprocmask"sv, "rt_sigreturn"sv, "ioctl"sv, "pread64"sv,
    "pwrite64"sv, "readv"sv, "writev"sv, "access"sv, "pipe"sv, "select"sv, "sched_yield"sv, "mremap"sv, "msync"sv,
    "mincore"sv, "madvise"sv, "shmget"sv, "shmat"sv, "shmctl"sv, "dup"sv, "dup2"sv, "pause"sv, "nanosleep"sv,
    "getitimer"sv, "alarm"sv, "setitimer"sv, "getpid"sv, "sendfile"sv, "socket"sv, "connect"sv, "accept"sv,
    "sendto"sv, "recvfrom"sv, "sendmsg"sv, "recvmsg"sv, "shutdown"sv, "bind"sv, "listen"sv, "getsockname"sv,
    "getpeername"sv, "socketpair"sv, "setsockopt"sv, "getsockopt"sv, "clone"sv, "fork"sv, "vfork"sv, "execve"sv,
    "exit"sv, "wait4"sv, "kill"sv, "uname"sv, "semget"sv, "semop"sv, "semctl"sv, "shmdt"sv, "msgget"sv, "msgsnd"sv,
    "msgrcv"sv, "msgctl"sv, "fcntl"sv, "flock"sv, "fsync"sv, "fdatasync"sv, "truncate"sv, "ftruncate"sv, "getdents"sv,
    "getcwd"sv, "chdir"sv, "fchdir"sv, "rename"sv, "mkdir"sv, "rmdir"sv, "creat"sv, "link"sv, "unlink"sv, "symlink"sv,
    "readlink"sv, "chmod"sv, "fchmod"sv, "chown"sv, "fchown"sv, "lchown"sv, "umask"sv, "gettimeofday"sv,
    "getrlimit"sv, "getrusage"sv, "sysinfo"sv, "times"sv, "ptrace"sv, "getuid"sv, "syslog"sv, "getgid"sv, "setuid"sv,
    "setgid"sv, "geteuid"sv, "getegid"sv, "setpgid"sv, "getppid"sv, "getpgrp"sv, "setsid"sv, "setreuid"sv,
    "setregid"sv, "getgroups"sv, "setgroups"sv, "setresuid"sv, "getresuid"sv, "setresgid"sv, "getresgid"sv,
    "getpgid"sv, "setfsuid"sv, "setfsgid"sv, "getsid"sv, "capget"sv, "capset"sv, "rt_sigpending"sv,
    "rt_sigtimedwait"sv, "rt_sigqueueinfo"sv, "rt_sigsuspend"sv, "sigaltstack"sv, "utime"sv, "mknod"sv, "uselib"sv,
    "personality"sv, "ustat"sv, "statfs"sv, "fstatfs"sv, "sysfs"sv, "getpriority"sv, "setpriority"sv,
    "sched_setparam"sv, "sched_getparam"sv, "sched_setscheduler"sv, "sched_getscheduler"sv,
    "sched_get_priority_max"sv, "sched_get_priority_min"sv, "sched_rr_get_interval"sv, "mlock"sv, "munlock"sv,
    "mlockall"sv, "munlockall"sv, "vhangup"sv, "modify_ldt"sv, "pivot_root"sv, "_sysctl"sv, "prctl"sv, "arch_prctl"sv,
    "adjtimex"sv, "setrlimit"sv, "chroot"sv, "sync"sv, "acct"sv, "settimeofday"sv, "mount"sv, "umount2"sv, "swapon"sv,
    "swapoff"sv, "reboot"sv, "sethostname"sv, "setdomainname"sv, "iopl"sv, "ioperm"sv, "create_module"sv,
    "init_module"sv, "delete_module"sv, "get_kernel_syms"sv, "query_module"sv, "quotactl"sv, "nfsservctl"sv,
    "getpmsg"sv, "putpmsg"sv, "afs_syscall"sv, "tuxcall"sv, "security"sv, "gettid"sv, "readahead"sv, "setxattr"sv,
    "lsetxattr"sv, "fsetxattr"sv, "getxattr"sv, "lgetxattr"sv, "fgetxattr"sv, "listxattr"sv, "llistxattr"sv,
    "flistxattr"sv, "removexattr"sv, "lremovexattr"sv, "fremovexattr"sv, "tkill"sv, "time"sv, "futex"sv,
    "sched_setaffinity"sv, "sched_getaffinity"sv, "set_thread_area"sv, "io_setup"sv, "io_destroy"sv, "io_getevents"sv,
    "io_submit"sv, "io_cancel"sv, "get_thread_area"sv, "lookup_dcookie"sv, "epoll_create"sv, "epoll_ctl_old"sv,
    "epoll_wait_old"sv, "remap_file_pages"sv, "getdents64"sv, "set_tid_address"sv, "restart_syscall"sv,
    "semtimedop"sv, "fadvise64"sv, "timer_create"sv, "timer_settime"sv, "timer_gettime"sv, "timer_getoverrun"sv,
    "timer_delete"sv, "clock_settime"sv, "clock_gettime"sv, "clock_getres"sv, "clock_nanosleep"sv, "exit_group"sv,
    "epoll_wait"sv, "epoll_ctl"sv, "tgkill"sv, "utimes"sv, "vserver"sv, "mbind"sv, "set_mempolicy"sv,
    "get_mempolicy"sv, "mq_open"sv, "mq_unlink"sv, "mq_timedsend"sv, "mq_timedreceive"sv, "mq_notify"sv,
    "mq_getsetattr"sv, "kexec_load"sv, "waitid"sv, "add_key"sv, "request_key"sv, "keyctl"sv, "ioprio_set"sv,
    "ioprio_get"sv, "inotify_init"sv, "inotify_add_watch"sv, "inotify_rm_watch"sv, "migrate_pages"sv, "openat"sv,
    "mkdirat"sv, "mknodat"sv, "fchownat"sv, "futimesat"sv, "newfstatat"sv, "unlinkat"sv, "renameat"sv, "linkat"sv,
    "symlinkat"sv, "readlinkat"sv, "fchmodat"sv, "faccessat"sv, "pselect6"sv, "ppoll"sv, "unshare"sv,
    "set_robust_list"sv, "get_robust_list"sv, "splice"sv, "tee"sv, "sync_file_range"sv, "vmsplice"sv, "move_pages"sv,
    "utimensat"sv, "epoll_pwait"sv, "signalfd"sv, "timerfd_create"sv, "eventfd"sv, "fallocate"sv, "timerfd_settime"sv,
    "timerfd_gettime"sv, "accept4"sv, "signalfd4"sv, "eventfd2"sv, "epoll_create1"sv, "dup3"sv, "pipe2"sv,
    "inotify_init1"sv, "preadv"sv, "pwritev"sv, "rt_tgsigqueueinfo"sv, "perf_event_open"sv, "recvmmsg"sv,
    "fanotify_init"sv, "fanotify_mark"sv, "prlimit64"sv, "name_to_handle_at"sv, "open_by_handle_at"sv,
    "clock_adjtime"sv, "syncfs"sv, "sendmmsg"sv, "setns"sv, "getcpu"sv, "process_vm_readv"sv, "process_vm_writev"sv,
    "kcmp"sv, "finit_module"sv, "sched_setattr"sv, "sched_getattr"sv, "renameat2"sv, "seccomp"sv, "getrandom"sv,
    "memfd_create"sv, "kexec_file_load"sv, "bpf"sv, "execveat"sv, "userfaultfd"sv, "membarrier"sv, "mlock2"sv,
    "copy_file_range"sv, "preadv2"sv, "pwritev2"sv, "pkey_mprotect"sv, "pkey_alloc"sv, "pkey_free"sv, "statx"sv,
    "io_pgetevents"sv, "rseq"sv,
};
constexpr long kFirstHigh = 424;
constexpr std::array kHighNames = {
    "pidfd_send_signal"sv, "io_uring_setup"sv, "io_uring_enter"sv, "io_uring_register"sv, "open_tree"sv,
    "move_mount"sv, "fsopen"sv, "fsconfig"sv, "fsmount"sv, "fspick"sv, "pidfd_open"sv, "clone3"sv, "close_range"sv,
    "openat2"sv, "pidfd_getfd"sv, "faccessat2"sv, "process_madvise"sv, "epoll_pwait2"sv, "mount_setattr"sv,
    "quotactl_fd"sv, "landlock_create_ruleset"sv, "landlock_add_rule"sv, "landlock_restrict_self"sv, "memfd_secret"sv,
    "process_mrelease"sv, "futex_waitv"sv, "set_mempolicy_home_node"sv, "cachestat"sv, "fchmodat2"sv,
    "map_shadow_stack"sv, "futex_wake"sv, "futex_wait"sv, "futex_requeue"sv, "statmount"sv, "listmount"sv,
    "lsm_get_self_attr"sv, "lsm_set_self_attr"sv, "lsm_list_modules"sv, "mseal"sv, "setxattrat"sv, "getxattrat"sv,
    "listxattrat"sv, "removexattrat"sv, "open_tree_attr"sv, "file_getattr"sv, "file_setattr"sv,
};
// clang-format on

}  // namespace

std::string call_name(long number) {
  if (number >= 0 && number < static_cast<long>(kLowNames.size()) && !kLowNames[static_cast<size_t>(number)].empty())
    return std::string(kLowNames[static_cast<size_t>(number)]);
  size_t high = static_cast<size_t>(number - kFirstHigh);
  if (number >= kFirstHigh && high < kHighNames.size()) return std::string(kHighNames[high]);
  return fmt::format("system call {}", number);
}

}  // namespace cairn::tracee
