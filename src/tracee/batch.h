// System calls that held tasks run for us, many in one stop.
//
//   Batch batch(space, slot, task);
//   auto stack = batch.out<stack_t>();
//   auto result = batch.call(SYS_sigaltstack, 0, stack);
//   batch.flush();
//   use(stack.value());
//
// A call's result is a Pending that may be read only after the flush (assert). It can be forwarded into a later call of
// the same batch. The first failing call() stops the batch, and flush() throws an Error that names it; try_call() gives
// -errno instead. No call that can block may be put in a batch. Nothing here is global: any number of trees can be
// held.
#pragma once

#include <cstddef>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "kernel/procfs.h"
#include "kernel/signals.h"
#include "tracee/batch_layout.h"
#include "tracee/task.h"

namespace cairn::tracee {

// Where the batch loop and the slots lie in one address space. A slot serves one task at a time.
class BatchSpace {
 public:
  BatchSpace() = default;
  BatchSpace(const BatchSpace&) = delete;
  virtual ~BatchSpace() = default;
  virtual RemoteAddress code() const = 0;
  virtual RemoteAddress slot_address(size_t slot) const = 0;
  virtual size_t slot_size() const = 0;
  virtual void write_slot(Task& task, size_t slot, size_t offset, std::span<const std::byte> data) = 0;
  virtual void read_slot(Task& task, size_t slot, size_t offset, std::span<std::byte> data) = 0;
  // Several writes, in this order.
  struct Part {
    size_t offset;
    std::span<const std::byte> data;
  };
  virtual void write_parts(Task& task, size_t slot, std::span<const Part> parts) {
    for (const Part& part : parts) write_slot(task, slot, part.offset, part.data);
  }
  // A self-healing space prepares, beside each slot, a signal frame from which the task restores itself if cairn dies.
  virtual bool heals() const = 0;
  // Before a batch: makes sure of that frame and returns the stack pointer for rt_sigreturn, 0 where nothing heals.
  virtual RemoteAddress prepare_frame(Task& task, size_t slot) = 0;
  // The signal that ends a batch of this task: it has no effect in it and isn't pending. 0: there is none, the task has
  // to be stepped from call to call.
  virtual int end_signal(Task& task) = 0;
  // A call of a batch queues this signal for the tasks themselves: it can't end batches any more.
  void reserve_signal(int signal) {
    if (signal > 0 && signal <= 64) reserved_signals_ |= kernel::signal_bit(signal);
  }
  bool is_reserved(int signal) const { return signal > 0 && (reserved_signals_ >> (signal - 1) & 1) != 0; }

 protected:
  uint64_t reserved_signals_ = 0;  // bit n-1 for signal n
};

// In a running program: mapped by two stepped calls, removed by close(); heals. The mapping is called [anon:cairn]
// (where the kernel has CONFIG_ANON_VMA_NAME); one that a killed cairn left behind is found by that name, or by the
// magic number at its start, and removed. All tasks that run batches here must live, unmoved, until close().
class InjectedSpace final : public BatchSpace {
 public:
  // Any held task of the address space; `slots` = how many of its tasks will run batches.
  InjectedSpace(Task& task, size_t slots, const std::vector<kernel::MapsEntry>& maps);
  ~InjectedSpace() override;  // close(), ignoring errors
  void close();
  // Whether a mapping that starts here is this space, and so no part of the program.
  bool covers(RemoteAddress address) const;
  // Mappings that a killed cairn left behind in this address space; they are no part of the program either.
  static std::vector<kernel::MapsEntry> left_over(const Task& task, const std::vector<kernel::MapsEntry>& maps);
  RemoteAddress code() const override;
  RemoteAddress slot_address(size_t slot) const override;
  size_t slot_size() const override;
  void write_slot(Task& task, size_t slot, size_t offset, std::span<const std::byte> data) override;
  void read_slot(Task& task, size_t slot, size_t offset, std::span<std::byte> data) override;
  void write_parts(Task& task, size_t slot, std::span<const Part> parts) override;
  bool heals() const override { return true; }
  RemoteAddress prepare_frame(Task& task, size_t slot) override;
  int end_signal(Task& task) override;

 private:
  void first_batch(const std::vector<kernel::MapsEntry>& left_over);
  struct State;
  std::unique_ptr<State> state_;
};

// In tasks that a restore makes: a shared memfd that is mapped in cairn and, at one address, in every task of the plan
// (inherited by fork). Slots are written by plain stores. Such tasks die with cairn, so nothing needs to heal.
class SharedSpace final : public BatchSpace {
 public:
  // Makes the memfd and maps it here. `address`: where the tasks will have it, in a hole common to all of them.
  SharedSpace(RemoteAddress address, size_t slots);
  ~SharedSpace() override;
  static size_t size_for(size_t slots);  // what size() will be
  int memfd() const;
  size_t size() const;  // bytes of the mapping; code is its first page (map it r-x), slots the rest (rw-)
  size_t code_size() const;
  RemoteAddress code() const override;
  RemoteAddress slot_address(size_t slot) const override;
  size_t slot_size() const override;
  void write_slot(Task& task, size_t slot, size_t offset, std::span<const std::byte> data) override;
  void read_slot(Task& task, size_t slot, size_t offset, std::span<std::byte> data) override;
  bool heals() const override { return false; }
  RemoteAddress prepare_frame(Task&, size_t) override { return {0}; }
  int end_signal(Task& task) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Batch;

// The result of a call. Valid after the flush of its batch, as long as the batch object lives; in a batch that failed,
// only that of the calls before the failing one.
class Pending {
 public:
  long value() const;  // the result, or -errno after try_call()
  bool failed() const { return value() < 0 && value() >= -4095; }

 private:
  friend class Batch;
  Pending(const Batch* batch, size_t round, size_t index) : batch_(batch), round_(round), index_(index) {}
  const Batch* batch_;
  size_t round_, index_;
};

// Space in the slot that calls of the batch write to.
template <typename T>
class Out {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  T value() const;

 private:
  friend class Batch;
  Out(const Batch* batch, size_t round, RemoteAddress address, size_t offset)
      : batch_(batch), round_(round), address_(address), offset_(offset) {}
  const Batch* batch_;
  size_t round_;
  RemoteAddress address_;
  size_t offset_;
  friend struct Arg;
};

// One argument of a call: a number, an address, space of the batch, or the result of an earlier call.
struct Arg {
  template <typename T>
  requires std::is_integral_v<T> || std::is_enum_v<T> Arg(T number)
      : value(static_cast<uint64_t>(number)) {}         // NOLINT(google-explicit-constructor)
  Arg(RemoteAddress address) : value(address.value) {}  // NOLINT(google-explicit-constructor)
  template <typename T>
  Arg(const Out<T>& out) : value(out.address_.value) {}  // NOLINT(google-explicit-constructor)
  Arg(const Pending& result) : forward(&result) {}       // NOLINT(google-explicit-constructor)
  uint64_t value = 0;
  const Pending* forward = nullptr;
};

class Batch {
 public:
  Batch(BatchSpace& space, size_t slot, Task& task);
  Batch(const Batch&) = delete;

  Task& task() { return task_; }

  // At most six arguments. `name` for messages is derived from the number (an x86-64 table of the calls that Cairn
  // uses).
  template <typename... Args>
  Pending call(long number, Args&&... args) {
    return add(number, {Arg(std::forward<Args>(args))...}, 0);
  }
  template <typename... Args>
  Pending try_call(long number, Args&&... args) {
    return add(number, {Arg(std::forward<Args>(args))...}, kMayFail);
  }

  // A fork that the task does not notice: when the batch has ended the child has too, and was waited for. Before it
  // ends it forks once more; that child has no descriptors, is in a session of its own, is left to the nearest
  // sub-reaper, and ends at once. `on_birth` is told the first child's id and may hold both as their tracer; when it
  // throws, so does flush().
  using OnBirth = std::function<void(HostPid)>;
  void fork_away(OnBirth on_birth);

  // Copies bytes into the slot; valid for calls of this round.
  RemoteAddress put(const void* data, size_t size);
  RemoteAddress put(const std::string& text) { return put(text.c_str(), text.size() + 1); }
  template <typename T>
  requires std::is_trivially_copyable_v<T> RemoteAddress put(const T& value) { return put(&value, sizeof(value)); }
  // Space for a result.
  template <typename T>
  Out<T> out() {
    size_t offset = reserve_output(sizeof(T));
    return Out<T>(this, round_, RemoteAddress{space_.slot_address(slot_).value + offset}, offset);
  }
  // Raw space; read it back by bytes() after the flush.
  struct Buffer {
    RemoteAddress address;
    size_t offset, size;
    size_t round;
  };
  Buffer buffer(size_t size);
  std::vector<std::byte> bytes(const Buffer& buffer) const;

  // True when `calls` more calls and `bytes` more of arena still fit; when they don't, flush first.
  bool fits(size_t calls, size_t bytes) const;
  bool empty() const { return rounds_[round_].entries.empty(); }

  // Runs what has been collected. Afterwards the results can be read, and a new round begins with the next call().
  void flush();
  // The same for many tasks at once: all are started, then each is waited for by its id.
  static void flush_all(std::span<Batch* const> batches);
  // After a failure, for a batch that must not be left in the middle: leads it to its end all the same.
  void finish_anyway();

 private:
  friend class Pending;
  template <typename T>
  friend class Out;

  // Data at the slot's tail, growing downwards, so that offsets are final while calls are still being added.
  class Arena {
   public:
    std::byte* grow(size_t size);  // zeroed
    size_t size() const { return used_; }
    std::span<std::byte> bytes() { return std::span(buffer_).last(used_); }
    std::span<const std::byte> bytes() const { return std::span(buffer_).last(used_); }

   private:
    std::vector<std::byte> buffer_;
    size_t used_ = 0;
  };
  struct Round {
    std::vector<SlotEntry> entries;
    Arena arena;
    bool has_outputs = false;
    bool flushed = false;
    size_t done = 0;  // entries that were executed
  };

  Pending add(long number, std::vector<Arg> args, uint32_t flags);
  void forward(const Pending& result, size_t argument_offset);
  size_t reserve(size_t size);         // offset in the slot
  size_t reserve_output(size_t size);  // the same for space that is read back
  Round& collecting() { return rounds_[round_]; }
  const Round& flushed(size_t round) const;
  std::span<const std::byte> flushed_bytes(size_t round, size_t offset, size_t size) const;
  long result(size_t round, size_t index) const;

  void start();
  void write_slot(bool goes_on);
  void send_off();
  void finish();
  bool is_end(int status);
  bool stands_at_end() const;
  void judge_signal(int signal);
  void tell_birth(int status);
  void read_slot();
  void check() const;

  BatchSpace& space_;
  size_t slot_;
  Task& task_;
  size_t round_ = 0;
  std::vector<Round> rounds_;
  bool sent_off_ = false;
  OnBirth on_birth_;
  std::exception_ptr birth_failure_;
};

template <typename T>
T Out<T>::value() const {
  T value;
  std::memcpy(&value, batch_->flushed_bytes(round_, offset_, sizeof(T)).data(), sizeof(T));
  return value;
}

}  // namespace cairn::tracee
