// What a task has in the processor: general registers (user_regs_struct), floating point and vector state (the regset
// NT_X86_XSTATE, by XSAVE components, so that it fits a CPU with another layout), and the mask of blocked signals. All
// of it is seen and set by ptrace(2). An interrupted system call is recorded so that a new task makes it again.
//
// Not kept, hence refused: AMX tiles (their permission would have to be asked for anew) and user shadow stacks.
#include <cpuid.h>

#include <array>
#include <cstring>

#include "resources/kind.h"
#include "resources/process/cpu.pb.h"

namespace cairn::resources {
namespace {

constexpr size_t kLegacySize = 512, kHeaderSize = 64;
constexpr size_t kInUse = kLegacySize;  // XSTATE_BV, the first word of the header
constexpr uint32_t kFirstComponent = 2, kComponents = 63;
constexpr uint64_t kTileData = uint64_t{1} << 18;

// Where this CPU keeps what, as the standard (not compacted) form of XSAVE has it: CPUID leaf 0xd.
struct Layout {
  struct Place {
    uint32_t size = 0, offset = 0;
  };
  uint64_t features = 3;  // XCR0
  size_t size = kLegacySize + kHeaderSize;
  std::array<Place, kComponents> places{};
};

Layout read_layout() {
  constexpr unsigned kLeaf = 0xd;
  Layout layout;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(kLeaf, 0, &a, &b, &c, &d)) return layout;
  layout.size = b;
  asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
  layout.features = (uint64_t{d} << 32) | a;
  for (uint32_t n = kFirstComponent; n < kComponents; ++n) {
    if ((layout.features >> n & 1) == 0) continue;
    __get_cpuid_count(kLeaf, n, &a, &b, &c, &d);
    layout.places[n] = {a, b};
  }
  return layout;
}

const Layout& layout() {
  static const Layout kLayout = read_layout();
  return kLayout;
}

std::string component_name(uint32_t number) {
  switch (number) {
    case 2:
      return "AVX";
    case 3:
    case 4:
      return "MPX";
    case 5:
    case 6:
    case 7:
      return "AVX-512";
    case 9:
      return "protection keys";
    case 17:
    case 18:
      return "AMX";
    default:
      return fmt::format("XSAVE component {}", number);
  }
}

// Every member of user_regs_struct that is a field of the message under the same name.
// clang-format off
#define CAIRN_REGISTERS(R)                                                                                   \
  R(r15) R(r14) R(r13) R(r12) R(rbp) R(rbx) R(r11) R(r10) R(r9) R(r8) R(rax) R(rcx) R(rdx) R(rsi) R(rdi)     \
  R(orig_rax) R(rip) R(cs) R(eflags) R(rsp) R(ss) R(fs_base) R(gs_base) R(ds) R(es) R(fs) R(gs)
// clang-format on

void store_registers(const user_regs_struct& registers, image::Cpu& state) {
#define CAIRN_STORE(name) state.set_##name(registers.name);
  CAIRN_REGISTERS(CAIRN_STORE)
#undef CAIRN_STORE
}

user_regs_struct load_registers(const image::Cpu& state) {
  user_regs_struct registers{};
#define CAIRN_LOAD(name) registers.name = state.name();
  CAIRN_REGISTERS(CAIRN_LOAD)
#undef CAIRN_LOAD
  return registers;
}

void store_extended(const std::vector<std::byte>& xstate, image::Cpu& state) {
  if (xstate.size() < kLegacySize + kHeaderSize)
    throw Error(fmt::format("the kernel gives {} bytes of extended processor state", xstate.size()));
  state.set_legacy(xstate.data(), kLegacySize);
  uint64_t in_use = 0;
  std::memcpy(&in_use, xstate.data() + kInUse, sizeof(in_use));
  state.set_in_use(in_use);
  for (uint32_t n = kFirstComponent; n < kComponents; ++n) {
    if ((in_use >> n & 1) == 0) continue;
    Layout::Place place = layout().places[n];
    if (place.size == 0 || place.offset + place.size > xstate.size())
      throw Error(fmt::format("{} state is in use, but this CPU does not say where it lies", component_name(n)));
    image::CpuComponent& component = *state.add_components();
    component.set_number(n);
    component.set_data(xstate.data() + place.offset, place.size);
  }
}

std::vector<std::byte> load_extended(const image::Cpu& state) {
  std::vector<std::byte> xstate(layout().size);
  std::memcpy(xstate.data(), state.legacy().data(), std::min(kLegacySize, state.legacy().size()));
  uint64_t in_use = state.in_use();
  std::memcpy(xstate.data() + kInUse, &in_use, sizeof(in_use));
  for (const image::CpuComponent& component : state.components()) {
    Layout::Place place = layout().places.at(component.number());
    std::memcpy(xstate.data() + place.offset, component.data().data(),
                std::min<size_t>(place.size, component.data().size()));
  }
  return xstate;
}

class CpuKind final : public AttributeKind<image::Cpu, Level::kTask> {
 public:
  Reading<image::Cpu> describe(DescribeContext& context, const TaskView& task, tracee::Batch&) const override {
    image::Cpu state;
    const tracee::CpuState& cpu = task.task().state();
    user_regs_struct registers = cpu.registers;
    const auto& channels = task.process().wait_channels;
    auto channel = channels.find(task.thread().value);
    tracee::prepare_restart(registers, false, channel == channels.end() ? "" : channel->second);
    store_registers(registers, state);
    store_extended(cpu.xstate, state);
    state.set_signal_mask(cpu.signal_mask);
    refuse(context, task, state);
    return [state] { return std::optional(state); };
  }

  void apply(RestoreContext&, const image::Cpu& state, RestoredTask& task) const override {
    task.task().set_state({load_registers(state), load_extended(state), state.signal_mask()});
  }

  void check(CheckContext& context, const image::Cpu& state) const override {
    for (const image::CpuComponent& component : state.components()) {
      uint32_t n = component.number();
      bool met = n >= kFirstComponent && n < kComponents && component.data().size() == layout().places[n].size;
      if (!met)
        context.add(
            {"CPU", component_name(n) + " registers, which a task uses", false, "this CPU has none, or others"});
    }
  }

 private:
  static void refuse(DescribeContext& context, const TaskView& task, const image::Cpu& state) {
    if ((state.in_use() & kTileData) != 0)
      context.obstacle("it has data in AMX tiles", "checkpoint it while it doesn't compute with AMX",
                       "processor state");
    if (task.status().has("x86_Thread_features") &&
        task.status().text("x86_Thread_features").find("shstk") != std::string::npos)
      context.obstacle("it has a user shadow stack", "start it without GLIBC_TUNABLES=glibc.cpu.x86_shstk",
                       "processor state");
  }
};

}  // namespace

const Kind& cpu_kind() {
  static const CpuKind kKind;
  return kKind;
}

}  // namespace cairn::resources
