// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/random.hpp>
#include <odt/core/target.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/machine/ceiling.hpp>
#include <odt/train/benchmark.hpp>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

namespace odt {

namespace detail::benchmark {

/// A field of /proc/self/status, in bytes.
ODT_INLINE std::int64_t status_bytes(std::string_view field) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != field) continue;
    std::int64_t kilobytes = 0;
    status >> kilobytes;
    return kilobytes * 1024;
  }
  return 0;
}

ODT_INLINE double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

/// Both ceilings; the arrays of the second are made at its first use.
class ceiling_meter {
 public:
  explicit ceiling_meter(const benchmark_options& how)
      : pool_(how.threads), compute_(how.compute.value_or(precision::fp32)) {}

  void measure_flops() {
    flops_.push_back(compute_ == precision::fp32 ? cpu::fma_peak(pool_, 2) : cpu::bf16_peak(pool_, 2));
  }
  void measure_bytes() {
    if (!memory_) memory_.emplace(pool_);
    bytes_.push_back(memory_->measure(2));
  }
  machine_ceilings medians() const { return {median(flops_), median(bytes_)}; }
  machine_ceilings highest() const { return {std::ranges::max(flops_), std::ranges::max(bytes_)}; }

 private:
  thread_pool pool_;
  precision compute_;
  std::optional<cpu::memory_ceiling> memory_;
  std::vector<double> flops_, bytes_;
};

}  // namespace detail::benchmark

ODT_INLINE memory_growth::memory_growth() {
  std::ofstream("/proc/self/clear_refs") << 5;  // the highest so far is forgotten
  before_ = detail::benchmark::status_bytes("VmRSS:");
}

ODT_INLINE std::int64_t memory_growth::bytes() const { return detail::benchmark::status_bytes("VmHWM:") - before_; }

ODT_INLINE batch random_batch(int size, size2 extent, int num_classes) {
  constexpr int capacity = 100;
  batch b = batch::zeros(size, extent.height, extent.width, capacity);
  random_stream random(1);
  for (float& pixel : b.images) pixel = random.uniform(-1, 1);
  constexpr boxf boxes[] = {{0.1f, 0.1f, 0.4f, 0.5f}, {0.3f, 0.4f, 0.9f, 0.8f}, {0.5f, 0.05f, 0.75f, 0.35f}};
  for (int i = 0; i < size; ++i) {
    b.counts[static_cast<std::size_t>(i)] = 3;
    for (int k = 0; k < 3; ++k) {
      const auto at = static_cast<std::size_t>(i * capacity + k);
      b.boxes[at] = boxes[k], b.classes[at] = (1 + 4 * k) % num_classes, b.weights[at] = 1;
    }
  }
  return b;
}

ODT_INLINE benchmark_report time_steps(detector& model, const batch& data, const benchmark_options& how,
                                       const memory_growth& since) {
  benchmark_report report;
  const auto step = [&] {
    how.forward_only ? model.forward(data) : void(report.finite = model.train_step(data).finite);
  };
  for (int i = 0; i < how.warmup; ++i) step();
  detail::benchmark::ceiling_meter meter(how);
  std::vector<double> times;
  for (int i = 0; i < how.steps; ++i) {
    if (i % 5 == 0) meter.measure_flops();
    if (i % 5 == 0 && report.growth_bytes > 0) meter.measure_bytes();
    const auto begin = std::chrono::steady_clock::now();
    step();
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    const bool last = i + 1 == how.steps;
    if (how.warmup + i + 1 == 10 || (last && report.growth_bytes == 0)) report.growth_bytes = since.bytes();
    if (last) meter.measure_bytes();
  }
  report.median_seconds = detail::benchmark::median(times);
  report.least_seconds = std::ranges::min(times);
  const detector_description about = model.describe(data.size, {data.height, data.width});
  report.flops = data.size * (how.forward_only ? 2.0 * static_cast<double>(about.multiply_adds)
                                               : 6.0 * static_cast<double>(about.train_multiply_adds));
  report.ceilings = meter.medians();
  report.planned_bytes = model.planned_bytes();
  return report;
}

ODT_INLINE step_profile profile_steps(detector& model, const batch& data, const benchmark_options& how) {
  step_profile best;
  best.operations = model.profile(data, how.forward_only);
  detail::benchmark::ceiling_meter meter(how);
  for (int i = 0; i < how.steps; ++i) {
    meter.measure_flops();
    meter.measure_bytes();
    const std::vector<operation_time> again = model.profile(data, how.forward_only);
    for (std::size_t o = 0; o < best.operations.size(); ++o)
      best.operations[o].seconds = std::min(best.operations[o].seconds, again.at(o).seconds);
  }
  best.ceilings = meter.highest();
  return best;
}

}  // namespace odt
