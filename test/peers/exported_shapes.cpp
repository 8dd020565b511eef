// SPDX-License-Identifier: MIT
// A program of an exported shapes.hpp, which check_cpp.py makes and runs: nothing is allocated once the detector is
// there, and units that include the header are of one program.
#include "shapes.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

namespace {

long allocations = 0;

void* taken(void* memory) {
  ++allocations;
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return taken(std::malloc(size)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return taken(std::malloc(size)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto a = static_cast<std::size_t>(alignment);
  return taken(std::aligned_alloc(a, (size + a - 1) / a * a));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

extern "C" void* __real_aligned_alloc(std::size_t alignment, std::size_t size);
extern "C" void* __wrap_aligned_alloc(std::size_t alignment, std::size_t size) {
  return taken(__real_aligned_alloc(alignment, size));
}

std::string_view name_of(int label);  // another unit's

void print_boxes(shapes& find, const std::uint8_t* rgb, int height, int width) {
  for (const odt::detection& found : find.detect(rgb, height, width))
    if (found.score > 0.5f)
      std::printf("%s %.2f: y %.0f to %.0f, x %.0f to %.0f\n", shapes::classes[found.label].data(), found.score,
                  found.bounds.ymin * height, found.bounds.ymax * height, found.bounds.xmin * width,
                  found.bounds.xmax * width);
}

int main() {
  std::vector<std::uint8_t> rgb(480 * 640 * 3);
  std::uint32_t state = 1;
  for (std::uint8_t& value : rgb) value = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  shapes find({480, 640}, 2);
  const long at_start = allocations;
  std::size_t count = 0;
  bool named = true;
  for (const auto& [height, width] : {std::pair{480, 640}, {1, 1}, {37, 500}, {480, 3}, {200, 200}, {480, 640}}) {
    print_boxes(find, rgb.data(), height, width);
    for (const odt::detection& found : find.detect(rgb.data(), height, width))
      ++count, named = named && shapes::classes[found.label] == name_of(found.label);
  }
  const long later = allocations - at_start;
  std::printf("%ld allocations at the start, %ld later, %zu detections\n", at_start, later, count);
  return at_start > 0 && later == 0 && count > 0 && named ? 0 : 1;
}
