// What becomes of a system call that our stop has interrupted. The kernel leaves one of its restart codes in rax and
// the call's number in orig_rax; when the task goes on, signal delivery (arch_do_signal_or_restart) turns them into a
// restart, or into EINTR when a handler ran. The codes never reach user space, and they mean something only together
// with state that some of them have elsewhere: see each function.
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "tracee/signal_frame.h"
#include "tracee/task.h"

namespace cairn::tracee {
namespace {

constexpr long kRestartSys = -512, kRestartNoIntr = -513, kRestartNoHand = -514, kRestartBlock = -516;

// These return a plain EINTR although nothing but our stop has come, and can simply be made again. (Not close(2): its
// descriptor is gone already.) Sockets are here because of SO_RCVTIMEO and SO_SNDTIMEO.
constexpr auto kPlainEintr = std::to_array<long>(
    {SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_rt_sigtimedwait, SYS_semop,         SYS_semtimedop,
     SYS_read,       SYS_readv,       SYS_write,        SYS_writev,          SYS_sendto,        SYS_sendmsg,
     SYS_sendmmsg,   SYS_recvfrom,    SYS_recvmsg,      SYS_recvmmsg,        SYS_connect,       SYS_accept,
     SYS_accept4,    SYS_sendfile,    SYS_splice,       SYS_io_getevents,    SYS_io_pgetevents, SYS_io_uring_enter});

long code_of(const user_regs_struct& registers) { return static_cast<long>(registers.rax); }

void make_again(user_regs_struct& registers) {
  registers.rip -= 2;  // onto the syscall instruction
  registers.rax = registers.orig_rax;
  registers.orig_rax = ~0ull;
}

bool is_plain_eintr(const user_regs_struct& registers) {
  return code_of(registers) == -EINTR &&
         std::find(kPlainEintr.begin(), kPlainEintr.end(), static_cast<long>(registers.orig_rax)) != kPlainEintr.end();
}

// The calls that use a restart block.
constexpr auto kRestartable = std::to_array<long>({SYS_poll, SYS_nanosleep, SYS_clock_nanosleep, SYS_futex});

// From `mov $NUMBER,%eax; syscall`, which is how C libraries make these calls. `code`: the bytes before the address to
// return to.
long number_in_code(std::string_view code) {
  constexpr std::string_view kSyscall = "\x0f\x05";
  constexpr char kMoveToEax = '\xb8';
  if (code.size() != 7 || code[0] != kMoveToEax || !code.ends_with(kSyscall)) return -1;
  uint32_t number = 0;
  std::memcpy(&number, code.data() + 1, sizeof(number));
  return std::ranges::find(kRestartable, static_cast<long>(number)) == kRestartable.end() ? -1 : long{number};
}

// A call that was restarted once has become restart_syscall(2), and its number is lost. The place where the task slept
// tells it. nanosleep and clock_nanosleep sleep in one place, but a clock's number is no pointer.
long lost_number(const user_regs_struct& registers, std::string_view wait_channel) {
  if (wait_channel == "poll_schedule_timeout" || wait_channel.starts_with("do_sys_poll") || wait_channel == "do_poll")
    return SYS_poll;
  if (wait_channel.starts_with("futex_")) return SYS_futex;
  if (wait_channel == "hrtimer_nanosleep" || wait_channel == "do_nanosleep" || wait_channel == "do_syscall_64" ||
      wait_channel == "common_nsleep") {
    constexpr uint64_t kLowestAddress = 4096;
    return registers.rdi < kLowestAddress ? SYS_clock_nanosleep : SYS_nanosleep;
  }
  return -1;
}

// -516 stands for a restart block, which belongs to the old task. The call is made again in full; a handler that runs
// first makes it EINTR, as it should.
void restart_without_block(user_regs_struct& registers, const std::string& wait_channel) {
  if (registers.orig_rax == SYS_restart_syscall) {
    long number = lost_number(registers, wait_channel);
    if (number < 0) {
      registers.rax = static_cast<unsigned long>(-EINTR);
      return;
    }
    registers.orig_rax = static_cast<unsigned long>(number);
  }
  registers.rax = static_cast<unsigned long>(kRestartNoHand);
}

}  // namespace

void prepare_restart(user_regs_struct& registers, bool same_task, const std::string& wait_channel) {
  if (static_cast<long>(registers.orig_rax) < 0) return;  // no call was interrupted
  if (is_plain_eintr(registers)) return make_again(registers);
  if (!same_task && code_of(registers) == kRestartBlock) restart_without_block(registers, wait_channel);
}

void Task::find_lost_number(const std::string& wait_channel) {
  user_regs_struct registers = state().registers;
  if (registers.orig_rax != SYS_restart_syscall || code_of(registers) != kRestartBlock || replaced_) return;
  std::string code(7, '\0');
  read_memory({registers.rip - code.size()}, code.data(), code.size());
  long number = number_in_code(code);
  if (number < 0) number = lost_number(registers, wait_channel);
  if (number >= 0) state_->registers.orig_rax = static_cast<unsigned long>(number);
}

void rewind_call(user_regs_struct& registers) {
  if (static_cast<long>(registers.orig_rax) < 0) return;
  long code = code_of(registers);
  bool interrupted = code == kRestartSys || code == kRestartNoIntr || code == kRestartNoHand || code == kRestartBlock;
  if (interrupted || is_plain_eintr(registers)) make_again(registers);
}

}  // namespace cairn::tracee
