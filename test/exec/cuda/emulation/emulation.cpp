// SPDX-License-Identifier: MIT
#undef _FORTIFY_SOURCE  // it takes jumps to other stacks for errors
#include "exec/cuda/emulation/emulation.hpp"

#include "exec/cuda/emulation/enqueue.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <setjmp.h>
#include <ucontext.h>

namespace odt::emulation {
namespace {

constexpr std::size_t stack_bytes = std::size_t{256} << 10;
constexpr int warp_size = 32;
constexpr int most_shared_bytes = 227 << 10;

struct copy {
  void* to;
  const void* from;
  bool there;
};

/// A place to go on from. Jumps spare swapcontext's system calls; sanitizers do not understand them.
struct place {
  ucontext_t context{};
  jmp_buf jump{};
  bool left = false;
};

[[gnu::noinline]] void go(place& from, place& to) {
#if defined(__SANITIZE_ADDRESS__)
  swapcontext(&from.context, &to.context);
#else
  from.left = true;
  if (_setjmp(from.jump) != 0) return;
  if (to.left) _longjmp(to.jump, 1);
  setcontext(&to.context);
#endif
}

struct thread {
  place at;
  std::unique_ptr<std::byte[]> stack{new std::byte[stack_bytes]};
  uint3 index{};
  int number = 0;
  bool done = false;
  std::vector<std::vector<copy>> groups;
  std::vector<copy> open;
  std::byte shown[64];
};

/// Who waits where: `arrived` of `expected` threads, in the turn `turn`.
struct barrier {
  int arrived = 0, expected = 0;
  long turn = 0;

  bool complete() const { return expected > 0 && arrived == expected; }
};

struct block_run {
  dim3 grid, size;
  uint3 index{};
  std::function<void()> kernel;
  std::vector<std::unique_ptr<thread>> threads;  ///< as many as ever were needed
  int count = 0;
  thread* running = nullptr;
  place scheduler;
  barrier all;
  std::vector<barrier> warps;
  std::byte* shared = nullptr;
  std::string failure;
  bool progress = false;
} now;

void wait_at(barrier& b) {
  const long turn = b.turn;
  ++b.arrived;
  now.progress = true;
  while (b.turn == turn) {
    if (b.complete()) {
      b.arrived = 0, ++b.turn;
      break;
    }
    go(now.running->at, now.scheduler);
  }
}

void run_thread() {
  thread& self = *now.running;
  try {
    now.kernel();
  } catch (const std::exception& e) {
    now.failure = e.what();
  }
  self.done = true;
  --now.all.expected;
  now.progress = true;
  while (true) go(self.at, now.scheduler);
}

void start(thread& t) {
  ucontext_t& context = t.at.context;
  getcontext(&context);
  context.uc_stack.ss_sp = t.stack.get();
  // Stacks that end at different offsets do not fight for the same lines of the cache.
  context.uc_stack.ss_size = stack_bytes - static_cast<std::size_t>(t.number % 128) * 448;
  context.uc_link = nullptr;
  makecontext(&context, run_thread, 0);
  t.at.left = false;
}

void prepare_block() {
  now.all = {0, now.count, 0};
  now.warps.assign(static_cast<std::size_t>((now.count + warp_size - 1) / warp_size), {});
  for (int i = 0; i < now.count; ++i) {
    thread& t = *now.threads[static_cast<std::size_t>(i)];
    const auto n = static_cast<unsigned>(i);
    t.index = {n % now.size.x, n / now.size.x % now.size.y, n / (now.size.x * now.size.y)};
    t.number = i, t.done = false;
    t.groups.clear(), t.open.clear();
    ++now.warps[static_cast<std::size_t>(i / warp_size)].expected;
    start(t);
  }
}

/// Threads take turns in their order, or against it with ODT_EMULATION_ORDER=descending: what depends on the order
/// lacks a barrier.
void run_block() {
  static const char* const order = std::getenv("ODT_EMULATION_ORDER");
  static const bool descending = order && std::string(order) == "descending";
  prepare_block();
  for (int alive = now.count; alive > 0;) {
    now.progress = false;
    for (int i = 0; i < now.count; ++i) {
      now.running = now.threads[static_cast<std::size_t>(descending ? now.count - 1 - i : i)].get();
      if (now.running->done) continue;
      go(now.scheduler, now.running->at);
      if (!now.failure.empty()) throw std::logic_error(std::exchange(now.failure, {}));
      alive -= now.running->done;
    }
    if (!now.progress && alive > 0) throw std::logic_error("threads of a block wait for others that never come");
  }
}

/// Fresh dynamic shared memory, full of NaNs.
class shared_memory {
 public:
  explicit shared_memory(std::size_t bytes) {
    constexpr std::size_t alignment = 128;
    if (bytes > most_shared_bytes) throw std::logic_error("a block asks for more shared memory than there is");
    void* memory = nullptr;
    if (posix_memalign(&memory, alignment, std::max<std::size_t>(bytes, 1)) != 0) throw std::bad_alloc();
    now.shared = static_cast<std::byte*>(memory);
    std::memset(memory, 0xff, bytes);
  }
  ~shared_memory() { std::free(std::exchange(now.shared, nullptr)); }
  shared_memory(const shared_memory&) = delete;
  shared_memory& operator=(const shared_memory&) = delete;
};

void run_kernel(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& kernel) {
  static std::mutex one_at_a_time;  // arrays in shared memory are static
  const std::lock_guard lock(one_at_a_time);
  now.grid = grid, now.size = block, now.kernel = kernel;
  now.count = static_cast<int>(block.x * block.y * block.z);
  if (now.count < 1 || now.count > 1024) throw std::logic_error("a block has no threads, or more than 1024");
  while (static_cast<int>(now.threads.size()) < now.count) now.threads.push_back(std::make_unique<thread>());
  for (unsigned z = 0; z < grid.z; ++z)
    for (unsigned y = 0; y < grid.y; ++y)
      for (unsigned x = 0; x < grid.x; ++x) {
        now.index = {x, y, z};
        const shared_memory shared(shared_bytes);
        run_block();
      }
}

using work = std::function<void()>;
struct recording {
  std::vector<work> steps;
};
thread_local std::unique_ptr<recording> capturing;

void do_or_capture(work step) {
  if (capturing)
    capturing->steps.push_back(std::move(step));
  else
    step();
}

}  // namespace

const uint3& thread_index() { return now.running->index; }
const uint3& block_index() { return now.index; }
const dim3& block_size() { return now.size; }
const dim3& grid_size() { return now.grid; }
int lane() { return now.running->number % warp_size; }
void* dynamic_shared() { return now.shared; }

void synchronize_block() { wait_at(now.all); }
void synchronize_warp() { wait_at(now.warps[static_cast<std::size_t>(now.running->number / warp_size)]); }

std::byte* shown_by(int lane) {
  return now.threads[static_cast<std::size_t>(now.running->number / warp_size * warp_size + lane)]->shown;
}

void copy_later(void* to, const void* from, bool there) {
  const auto aligned = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; };
  if (!aligned(to) || !aligned(from)) throw std::logic_error("cp.async: an address is not aligned");
  now.running->open.push_back({to, from, there});
}
void end_group() { now.running->groups.push_back(std::exchange(now.running->open, {})); }
void finish_groups(std::size_t open) {
  auto& groups = now.running->groups;
  for (; groups.size() > open; groups.erase(groups.begin()))
    for (const copy& c : groups.front())
      if (c.there)
        std::memcpy(c.to, c.from, 16);
      else
        std::memset(c.to, 0, 16);
}

void enqueue(work step) { do_or_capture(std::move(step)); }

void run_or_capture(dim3 grid, dim3 block, std::size_t shared_bytes, std::function<void()> kernel) {
  do_or_capture([=, kernel = std::move(kernel)] { run_kernel(grid, block, shared_bytes, kernel); });
}

}  // namespace odt::emulation

// The runtime's functions that odt calls.
using namespace odt::emulation;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, cudaSuccess; }
cudaError_t cudaGetDevice(int* device) { return *device = 0, cudaSuccess; }
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr which, int) {
  return *value = which == cudaDevAttrMaxSharedMemoryPerBlockOptin ? most_shared_bytes : 4, cudaSuccess;
}
/// What may not stand in a graph fails while one is captured.
#define ODT_NOT_IN_A_GRAPH \
  if (capturing) return cudaErrorStreamCaptureUnsupported

cudaError_t cudaDeviceSynchronize() {
  ODT_NOT_IN_A_GRAPH;
  return cudaSuccess;
}
cudaError_t cudaGetLastError() { return cudaSuccess; }
const char* cudaGetErrorString(cudaError_t) { return "emulated"; }
const char* cudaGetErrorName(cudaError_t) { return "emulated"; }
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return *free = *total = std::size_t{4} << 30, cudaSuccess;
}

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  ODT_NOT_IN_A_GRAPH;
  return posix_memalign(memory, 256, bytes) == 0 ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFree(void* memory) { return std::free(memory), cudaSuccess; }
cudaError_t cudaMallocHost(void** memory, std::size_t bytes) { return cudaMalloc(memory, bytes); }
cudaError_t cudaFreeHost(void* memory) { return cudaFree(memory); }
cudaError_t cudaMemset(void* memory, int value, std::size_t bytes) {
  ODT_NOT_IN_A_GRAPH;
  return std::memset(memory, value, bytes), cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind) {
  ODT_NOT_IN_A_GRAPH;
  return std::memcpy(to, from, bytes), cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t) {
  return do_or_capture([=] { std::memset(to, value, bytes); }), cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t) {
  return do_or_capture([=] { std::memcpy(to, from, bytes); }), cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) { return *stream = nullptr, cudaSuccess; }
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) {
  ODT_NOT_IN_A_GRAPH;
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }
cudaError_t cudaEventCreate(cudaEvent_t* event) { return *event = nullptr, cudaSuccess; }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { return *event = nullptr, cudaSuccess; }
cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) {
  return *milliseconds = 1, cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
  return capturing = std::make_unique<recording>(), cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  return *graph = reinterpret_cast<cudaGraph_t>(capturing.release()), cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  return *executable = reinterpret_cast<cudaGraphExec_t>(new recording(*reinterpret_cast<recording*>(graph))),
         cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t) {
  for (const work& step : reinterpret_cast<recording*>(executable)->steps) step();
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return delete reinterpret_cast<recording*>(graph), cudaSuccess; }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  return delete reinterpret_cast<recording*>(executable), cudaSuccess;
}

}  // extern "C"
