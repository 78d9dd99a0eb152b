// modify_ldt(2): a table of segment descriptors of an address space's own, which emulators of 16-bit and 32-bit code
// use. The call itself shows it, as the processor has it. Which of them the segment registers name is among the
// registers of each task; a task that runs code of such a segment is refused with all that isn't 64-bit code.
#include <asm/ldt.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <bit>
#include <cstring>

#include "resources/kind.h"
#include "resources/process/local_descriptors.pb.h"

namespace cairn::resources {
namespace {

constexpr int kRead = 0, kWrite = 0x11;  // the latter takes useable, too
constexpr size_t kTableSize = size_t{LDT_ENTRIES} * LDT_ENTRY_SIZE;
constexpr size_t kPiece = 16 << 10;
static_assert(kTableSize % kPiece == 0);

// struct desc_struct of arch/x86/include/asm/desc_defs.h.
struct Descriptor {
  uint64_t limit_low : 16, base_low : 24;
  uint64_t accessed : 1, writable : 1, contents : 2, is_segment : 1, privilege : 2, present : 1;
  uint64_t limit_high : 4, available : 1, is_long : 1, is_32bit : 1, in_pages : 1, base_high : 8;
};
static_assert(sizeof(Descriptor) == LDT_ENTRY_SIZE);

// For an entry that is zero, what the call takes for "empty".
user_desc description_of(uint32_t number, const Descriptor& entry) {
  user_desc description{};
  description.entry_number = number;
  description.base_addr = static_cast<uint32_t>(entry.base_low | entry.base_high << 24);
  description.limit = static_cast<uint32_t>(entry.limit_low | entry.limit_high << 16);
  description.seg_32bit = entry.is_32bit;
  description.contents = entry.contents;
  description.read_exec_only = entry.writable ? 0 : 1;
  description.limit_in_pages = entry.in_pages;
  description.seg_not_present = entry.present ? 0 : 1;
  description.useable = entry.available;
  return description;
}

// The table is larger than a slot, and the call always begins at its start: so the task reads it into memory of a
// moment and copies a piece from there. Each batch maps and unmaps that memory: one that has begun comes to its end
// also when cairn is killed.
class TableReader {
 public:
  TableReader(tracee::Batch& batch) : batch_(batch) {}

  std::string read() {
    auto place = map(0, 0);
    batch_.call(SYS_munmap, place, kTableSize);
    batch_.flush();
    address_ = static_cast<uint64_t>(place.value());
    std::string table;
    for (size_t offset = 0; offset < kTableSize; offset += kPiece) table += read_piece(offset);
    size_t last = table.find_last_not_of('\0');
    size_t entries = last == std::string::npos ? 0 : last / LDT_ENTRY_SIZE + 1;
    table.resize(entries * LDT_ENTRY_SIZE);
    return table;
  }

 private:
  tracee::Pending map(uint64_t address, int flags) {
    return room(batch_, 8, kPiece + 64)
        .call(SYS_mmap, address, kTableSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  }

  std::string read_piece(size_t offset) {
    map(address_, MAP_FIXED_NOREPLACE);
    auto self = batch_.try_call(SYS_getpid);
    auto size = batch_.try_call(SYS_modify_ldt, kRead, address_, kTableSize);
    auto piece = batch_.buffer(kPiece);
    RemoteAddress to = batch_.put(iovec{reinterpret_cast<void*>(piece.address.value), kPiece});
    RemoteAddress from = batch_.put(iovec{reinterpret_cast<void*>(address_ + offset), kPiece});
    auto copied = batch_.try_call(SYS_process_vm_readv, self, to, 1, from, 1, 0);
    batch_.call(SYS_munmap, address_, kTableSize);
    batch_.flush();
    if (size.value() != kTableSize || copied.value() != kPiece)
      throw Error(fmt::format("modify_ldt tells {} bytes, of which {} could be read", size.value(), copied.value()));
    std::vector<std::byte> bytes = batch_.bytes(piece);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  tracee::Batch& batch_;
  uint64_t address_ = 0;
};

class LocalDescriptorsKind final : public AttributeKind<image::LocalDescriptors, Level::kMm> {
 public:
  Reading<image::LocalDescriptors> describe(DescribeContext&, const TaskView&, tracee::Batch& batch) const override {
    auto first = batch.out<uint64_t>();
    auto size = batch.try_call(SYS_modify_ldt, kRead, first, sizeof(uint64_t));
    return [&batch, size]() -> std::optional<image::LocalDescriptors> {
      if (size.failed() || static_cast<int>(size.value()) == 0) return {};
      image::LocalDescriptors state;
      state.set_table(TableReader(batch).read());
      return state;
    };
  }

  void apply(RestoreContext&, const image::LocalDescriptors& state, RestoredTask& task) const override {
    const std::string& table = state.table();
    if (table.size() > kTableSize || table.size() % LDT_ENTRY_SIZE != 0)
      throw Error(fmt::format("a table of {} bytes is none of segments", table.size()));
    if (table.empty()) write(0, {}, task);  // there is one all the same
    for (size_t offset = 0; offset < table.size(); offset += LDT_ENTRY_SIZE) {
      Descriptor entry;
      std::memcpy(&entry, table.data() + offset, sizeof(entry));
      if (std::bit_cast<uint64_t>(entry) != 0) write(static_cast<uint32_t>(offset / LDT_ENTRY_SIZE), entry, task);
    }
  }

  void check(CheckContext& context, const image::LocalDescriptors&) const override {
    if (kernel::call("modify_ldt", SYS_modify_ldt, kRead, 0, 0) < 0)
      context.add({"the kernel", "to have modify_ldt(2), which a process uses", false, "it hasn't"});
  }

 private:
  static void write(uint32_t number, const Descriptor& entry, RestoredTask& task) {
    tracee::Batch& batch = task.room(1, sizeof(user_desc));
    batch.call(SYS_modify_ldt, kWrite, batch.put(description_of(number, entry)), sizeof(user_desc));
  }
};

}  // namespace

const Kind& local_descriptors_kind() {
  static const LocalDescriptorsKind kKind;
  return kKind;
}

}  // namespace cairn::resources
