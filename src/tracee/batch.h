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
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "tracee/task.h"

namespace cairn::tracee {

// Where the batch loop and the slots lie in one address space. A slot serves one task at a time.
class BatchSpace {
 public:
  virtual ~BatchSpace() = default;
  virtual RemoteAddress code() const = 0;
  virtual RemoteAddress slot_address(size_t slot) const = 0;
  virtual size_t slot_size() const = 0;
  virtual void write_slot(Task& task, size_t slot, size_t offset, std::span<const std::byte> data) = 0;
  virtual void read_slot(Task& task, size_t slot, size_t offset, std::span<std::byte> data) = 0;
  // A self-healing space prepares, beside each slot, a signal frame from which the task restores itself if cairn dies.
  virtual bool heals() const = 0;
};

// In a running program: mapped by two single-stepped calls, removed by close(); heals. The mapping is called
// [anon:cairn]; one that a killed cairn left behind is found by that name and removed.
class InjectedSpace final : public BatchSpace {
 public:
  // Any held task of the address space; `slots` = how many of its tasks will run batches.
  InjectedSpace(Task& task, size_t slots, const std::vector<kernel::MapsEntry>& maps);
  ~InjectedSpace() override;  // close(), ignoring errors
  void close();
  // ... overrides
  RemoteAddress code() const override;
  RemoteAddress slot_address(size_t slot) const override;
  size_t slot_size() const override;
  void write_slot(Task& task, size_t slot, size_t offset, std::span<const std::byte> data) override;
  void read_slot(Task& task, size_t slot, size_t offset, std::span<std::byte> data) override;
  bool heals() const override { return true; }

 private:
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
  int memfd() const;
  size_t size() const;  // bytes of the mapping; code is its first page (map it r-x), slots the rest (rw-)
  size_t code_size() const;
  RemoteAddress code() const override;
  RemoteAddress slot_address(size_t slot) const override;
  size_t slot_size() const override;
  void write_slot(Task& task, size_t slot, size_t offset, std::span<const std::byte> data) override;
  void read_slot(Task& task, size_t slot, size_t offset, std::span<std::byte> data) override;
  bool heals() const override { return false; }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Batch;

// The result of a call. Valid after the flush of its batch, as long as the batch object lives.
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
    return add(number, {Arg(std::forward<Args>(args))...}, false);
  }
  template <typename... Args>
  Pending try_call(long number, Args&&... args) {
    return add(number, {Arg(std::forward<Args>(args))...}, true);
  }

  // Copies bytes into the slot; valid for calls of this round.
  RemoteAddress put(const void* data, size_t size);
  RemoteAddress put(const std::string& text) { return put(text.c_str(), text.size() + 1); }
  template <typename T>
  requires std::is_trivially_copyable_v<T> RemoteAddress put(const T& value) { return put(&value, sizeof(value)); }
  // Space for a result.
  template <typename T>
  Out<T> out() {
    size_t offset = reserve(sizeof(T));
    return Out<T>(this, round_, RemoteAddress{space_.slot_address(slot_).value + offset}, offset);
  }
  // Raw space; read it back by bytes() after the flush.
  struct Buffer {
    RemoteAddress address;
    size_t offset, size;
  };
  Buffer buffer(size_t size);
  std::vector<std::byte> bytes(const Buffer& buffer) const;

  // True when `calls` more calls and `bytes` more of arena still fit; when they don't, flush first.
  bool fits(size_t calls, size_t bytes) const;
  bool empty() const { return calls_.empty(); }

  // Runs what has been collected. Afterwards the results can be read, and a new round begins with the next call().
  void flush();
  // The same for many tasks at once: all are started, then each is waited for by its id.
  static void flush_all(std::span<Batch* const> batches);

 private:
  friend class Pending;
  template <typename T>
  friend class Out;
  struct Call {
    long number;
    std::vector<Arg> args;
    bool may_fail;
  };
  Pending add(long number, std::vector<Arg> args, bool may_fail);
  size_t reserve(size_t size);  // offset in the slot
  void start();
  void finish();

  BatchSpace& space_;
  size_t slot_;
  Task& task_;
  size_t round_ = 0;
  std::vector<Call> calls_;
  std::vector<std::byte> arena_;
  std::vector<long> results_;  // of the last flushed round
};

}  // namespace cairn::tracee
