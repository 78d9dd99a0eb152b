// Constants and structures of the kernel that are newer than the headers Cairn may be built with (Linux 6.1), each with
// the version that brought it. The names differ from the kernel's, so that newer headers don't clash. Those that this
// kernel can be asked about without harm are checked in tests/unit/kernel_constants_test.cc.
#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cstdint>

namespace cairn::kernel {

// System calls, the same numbers on all 64-bit architectures.
inline constexpr long kSysCachestat = 451;       // 6.5
inline constexpr long kSysMapShadowStack = 453;  // 6.6
inline constexpr long kSysStatmount = 457;       // 6.8
inline constexpr long kSysListmount = 458;       // 6.8
inline constexpr long kSysMseal = 462;           // 6.10

// fcntl(2), linux/fcntl.h; F_LINUX_SPECIFIC_BASE is 1024.
inline constexpr int kDupfdQuery = 1024 + 3;    // F_DUPFD_QUERY, 6.10: is the argument the same open file description?
inline constexpr int kCreatedQuery = 1024 + 4;  // F_CREATED_QUERY, 6.12

// memfd_create(2), 6.3. Without one of them the sysctl vm.memfd_noexec decides.
inline constexpr unsigned kMemfdNoexecSeal = 0x8;  // MFD_NOEXEC_SEAL
inline constexpr unsigned kMemfdExec = 0x10;       // MFD_EXEC

// pidfds, linux/pidfd.h.
inline constexpr unsigned kPidfdThread = O_EXCL;        // PIDFD_THREAD of pidfd_open(2), 6.9
inline constexpr unsigned kPidfdSignalThread = 1 << 0;  // PIDFD_SIGNAL_THREAD of pidfd_send_signal(2), 6.9
// ioctl of a pidfd that gives a descriptor of a namespace of its task, 6.11.
inline constexpr unsigned long kPidfdGetCgroupNamespace = _IO(0xff, 1);
inline constexpr unsigned long kPidfdGetIpcNamespace = _IO(0xff, 2);
inline constexpr unsigned long kPidfdGetMountNamespace = _IO(0xff, 3);
inline constexpr unsigned long kPidfdGetNetNamespace = _IO(0xff, 4);
inline constexpr unsigned long kPidfdGetPidNamespace = _IO(0xff, 5);
inline constexpr unsigned long kPidfdGetPidForChildrenNamespace = _IO(0xff, 6);
inline constexpr unsigned long kPidfdGetTimeNamespace = _IO(0xff, 7);
inline constexpr unsigned long kPidfdGetTimeForChildrenNamespace = _IO(0xff, 8);
inline constexpr unsigned long kPidfdGetUserNamespace = _IO(0xff, 9);
inline constexpr unsigned long kPidfdGetUtsNamespace = _IO(0xff, 10);

// prctl(2), linux/prctl.h.
inline constexpr int kPrSetMdwe = 65;                // PR_SET_MDWE, 6.3: memory is never writable and executable
inline constexpr int kPrGetMdwe = 66;                // PR_GET_MDWE
inline constexpr unsigned kMdweRefuseExecGain = 1;   // PR_MDWE_REFUSE_EXEC_GAIN; can't be taken back
inline constexpr unsigned kMdweNoInherit = 2;        // PR_MDWE_NO_INHERIT, 6.7
inline constexpr int kPrSetMemoryMerge = 67;         // PR_SET_MEMORY_MERGE, 6.4: KSM for the whole process
inline constexpr int kPrGetMemoryMerge = 68;         // PR_GET_MEMORY_MERGE
inline constexpr int kPrTimerCreateRestoreIds = 77;  // PR_TIMER_CREATE_RESTORE_IDS, 6.15: timer_create takes the id
inline constexpr unsigned kTimerRestoreIdsOff = 0;   // PR_TIMER_CREATE_RESTORE_IDS_OFF
inline constexpr unsigned kTimerRestoreIdsOn = 1;    // PR_TIMER_CREATE_RESTORE_IDS_ON
inline constexpr unsigned kTimerRestoreIdsGet = 2;   // PR_TIMER_CREATE_RESTORE_IDS_GET
inline constexpr int kPrFutexHash = 78;              // PR_FUTEX_HASH, 6.16: a futex hash of the process's own
inline constexpr unsigned kFutexHashSetSlots = 1;    // PR_FUTEX_HASH_SET_SLOTS
inline constexpr unsigned kFutexHashGetSlots = 2;    // PR_FUTEX_HASH_GET_SLOTS
inline constexpr int kPrGetAuxv = 0x41555856;        // PR_GET_AUXV, 6.4
inline constexpr unsigned kThpDisableExceptAdvised = 1
                                                     << 1;  // PR_THP_DISABLE_EXCEPT_ADVISED of PR_SET_THP_DISABLE, 6.18

// arch_prctl(2) of x86-64, asm/prctl.h, 6.6: user shadow stacks.
inline constexpr int kArchShstkEnable = 0x5001;
inline constexpr int kArchShstkDisable = 0x5002;
inline constexpr int kArchShstkLock = 0x5003;
inline constexpr int kArchShstkUnlock = 0x5004;  // by ptrace only
inline constexpr int kArchShstkStatus = 0x5005;

// ptrace(2), linux/ptrace.h and linux/elf.h.
inline constexpr int kPtraceGetSyscallUserDispatchConfig = 0x4211;  // 6.4
inline constexpr int kPtraceSetSyscallInfo = 0x4212;                // 6.16
inline constexpr int kNoteX86ShadowStack = 0x204;                   // NT_X86_SHSTK, 6.6

// madvise(2), 6.13: pages whose touch is SIGSEGV, without a mapping of their own.
inline constexpr int kMadviseGuardInstall = 102;  // MADV_GUARD_INSTALL
inline constexpr int kMadviseGuardRemove = 103;   // MADV_GUARD_REMOVE

// userfaultfd(2), linux/userfaultfd.h.
inline constexpr uint64_t kUffdFeatureWpUnpopulated = 1 << 13;  // 6.4
inline constexpr uint64_t kUffdFeaturePoison = 1 << 14;         // 6.6
inline constexpr uint64_t kUffdFeatureWpAsync = 1 << 15;        // 6.7
inline constexpr uint64_t kUffdFeatureMove = 1 << 16;           // 6.8

// Socket options, asm-generic/socket.h.
inline constexpr int kSoPassPidfd = 76;    // SO_PASSPIDFD, 6.5
inline constexpr int kSoPeerPidfd = 77;    // SO_PEERPIDFD, 6.5
inline constexpr int kSoRcvPriority = 82;  // SO_RCVPRIORITY, 6.14
inline constexpr int kSoPassRights = 83;   // SO_PASSRIGHTS, 6.16; on unless switched off
inline constexpr int kSoInq = 84;          // SO_INQ, 6.17: SCM_INQ with each message of a unix socket

// Options of ip(7) and tcp(7), linux/in.h and linux/tcp.h.
inline constexpr int kIpLocalPortRange = 51;      // IP_LOCAL_PORT_RANGE, 6.3
inline constexpr int kTcpRetransmitMaximum = 44;  // TCP_RTO_MAX_MS, 6.15
inline constexpr int kTcpRetransmitMinimum = 45;  // TCP_RTO_MIN_US, 6.15
inline constexpr int kTcpDelayedAckMaximum = 46;  // TCP_DELACK_MAX_US, 6.15

// statx(2), linux/stat.h.
inline constexpr unsigned kStatxMountIdUnique =
    0x4000;  // STATX_MNT_ID_UNIQUE, 6.8: never used again, unlike the short id

// ioctl of an epoll descriptor, linux/eventpoll.h, 6.9: struct epoll_params.
struct EpollParameters {
  uint32_t busy_poll_microseconds;
  uint16_t busy_poll_budget;
  uint8_t prefer_busy_poll;
  uint8_t padding;
};
inline constexpr unsigned long kEpollSetParameters = _IOW(0x8a, 1, EpollParameters);  // EPIOCSPARAMS
inline constexpr unsigned long kEpollGetParameters = _IOR(0x8a, 2, EpollParameters);  // EPIOCGPARAMS

// ioctl(PAGEMAP_SCAN) on /proc/PID/pagemap, 6.7: struct page_region and struct pm_scan_arg of linux/fs.h.
struct PageRegion {
  uint64_t start, end, categories;
};
struct PagemapScan {
  uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
  uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
inline constexpr unsigned long kPagemapScan = _IOWR('f', 16, PagemapScan);
inline constexpr uint64_t kScanWriteProtectMatching = 1 << 0;  // PM_SCAN_WP_MATCHING
inline constexpr uint64_t kScanCheckWriteProtect = 1 << 1;     // PM_SCAN_CHECK_WPASYNC
inline constexpr uint64_t kPageIsWriteProtectable = 1 << 0;    // PAGE_IS_WPALLOWED
inline constexpr uint64_t kPageIsWritten = 1 << 1;
inline constexpr uint64_t kPageIsFile = 1 << 2;
inline constexpr uint64_t kPageIsPresent = 1 << 3;
inline constexpr uint64_t kPageIsSwapped = 1 << 4;
inline constexpr uint64_t kPageIsPfnZero = 1 << 5;
inline constexpr uint64_t kPageIsHuge = 1 << 6;
inline constexpr uint64_t kPageIsSoftDirty = 1 << 7;
inline constexpr uint64_t kPageIsGuard = 1 << 8;  // 6.15

}  // namespace cairn::kernel
