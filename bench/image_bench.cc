// What an image costs: appending pages beside a plain write of the same bytes, a commit, and opening an image.
// The directory is CAIRN_BENCH_DIR, or the temporary one.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "image/reader.h"
#include "image/writer.h"
#include "kernel/calls.h"

namespace cairn::image {
namespace {

constexpr size_t kBytes = size_t{256} << 20;

class BenchDirectory {
 public:
  BenchDirectory() {
    const char* chosen = std::getenv("CAIRN_BENCH_DIR");
    std::string name =
        (chosen ? std::filesystem::path(chosen) : std::filesystem::temp_directory_path()) / "cairn-bench-XXXXXX";
    if (!::mkdtemp(name.data())) throw Error::system("mkdtemp", errno);
    path_ = name;
  }
  ~BenchDirectory() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

OwnedFd new_file(const std::string& path) {
  ::unlink(path.c_str());
  return kernel::open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
}

// What the frames are made of: as large as the last level of the cache, so that each thread reads memory.
const std::vector<std::byte>& source() {
  static const std::vector<std::byte> bytes(size_t{64} << 20, std::byte{0x5a});
  return bytes;
}

std::span<const std::byte> frame_at(size_t number) {
  return std::span(source()).subspan(number * kFrameSize % source().size(), kFrameSize);
}

// The ceiling: one thread, no digest.
void plain_write(benchmark::State& state) {
  BenchDirectory directory;
  for (auto _ : state) {
    state.PauseTiming();
    OwnedFd file = new_file(directory / "plain");
    state.ResumeTiming();
    for (size_t i = 0; i < kBytes / kFrameSize; ++i) kernel::write_all(file.get(), frame_at(i).data(), kFrameSize);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kBytes));
}

void append_pages(benchmark::State& state) {
  BenchDirectory directory;
  const auto threads = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    state.PauseTiming();
    PageWriter writer(new_file(directory / "pages"));
    state.ResumeTiming();
    std::vector<std::jthread> workers;
    for (size_t t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] {
        for (size_t i = t; i < kBytes / kFrameSize; i += threads) writer.append(frame_at(i));
      });
    }
    workers.clear();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kBytes));
}

void write_image(const std::string& path, int64_t records) {
  Writer writer = Writer::create(path, Existing::kReplace);
  Head head;
  writer.set_head(head);
  HostFacts body;
  body.set_machine("x86_64");
  for (int64_t i = 1; i <= records; ++i) writer.add_record({static_cast<uint64_t>(i)}, "file", {}, body);
  writer.pages().append(frame_at(0));
  writer.commit();
}

void commit_image(benchmark::State& state) {
  BenchDirectory directory;
  for (auto _ : state) {
    write_image(directory / "a.cairn", state.range(0));
    state.PauseTiming();
    std::filesystem::remove_all(directory / "a.cairn");
    state.ResumeTiming();
  }
}

void open_image(benchmark::State& state) {
  BenchDirectory directory;
  write_image(directory / "a.cairn", state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(Reader::open(directory / "a.cairn"));
}

BENCHMARK(plain_write)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(append_pages)->Arg(1)->Arg(2)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(commit_image)->Arg(10)->Arg(10'000)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(open_image)->Arg(10)->Arg(10'000)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace cairn::image

BENCHMARK_MAIN();
