// SPDX-License-Identifier: MIT
// Whole train steps of an SSD on one GPU on random data, or with --detect its detections: milliseconds by events on the
// stream, with and without the copy of the batch, and the operations by the time they take. bench/compare_cuda.py runs
// it beside PyTorch.
#include <odt/cli/roofline.hpp>
#include <odt/train/benchmark.hpp>

#include "train_step_detector.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace {

using odt::bench::detector;
using json = nlohmann::ordered_json;

struct arguments {
  std::string model = "ssd_mobilenet_v1", precision = "bf16";
  int num_classes = 90, image_size = 300, batch_size = 8, steps = 30, warmup = 5;
  bool layers = false, json = false, detect = false;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// A benchmark of wrong results is worth nothing: losses are finite and get below the first on a batch that stays the
/// same.
void check_training(detector& d, const odt::batch& b, int steps) {
  const float first = d.train_step(b).total_loss;
  float last = first, least = first;
  for (int i = 1; i < std::max(steps, 10); ++i) least = std::min(least, last = d.train_step(b).total_loss);
  if (!std::isfinite(last) || !(least < first))
    odt::fail("the loss went from ", first, " to ", last, "; it has to fall");
}

void print_operations(detector& d, const odt::batch& b) {
  std::vector<odt::operation_time> best = d.profile(b, false);
  for (int i = 0; i < 4; ++i) {
    const auto again = d.profile(b, false);
    for (std::size_t k = 0; k < best.size(); ++k) best[k].seconds = std::min(best[k].seconds, again[k].seconds);
  }
  std::map<std::string, odt::operation_time> totals;
  for (const auto& o : best) {
    auto& total = totals[o.operation];
    total.seconds += o.seconds, total.flops += o.flops, total.bytes += o.bytes;
    std::printf("%9.1f us %8.1f GFLOP/s %8.1f GB/s  %-18s %s\n", o.seconds * 1e6, o.flops / o.seconds * 1e-9,
                o.bytes / o.seconds * 1e-9, o.operation.c_str(), o.layer.c_str());
  }
  std::printf("\n");
  for (const auto& [name, o] : totals)
    std::printf("%9.1f us %8.1f GFLOP/s %8.1f GB/s  all %s\n", o.seconds * 1e6, o.flops / o.seconds * 1e-9,
                o.bytes / o.seconds * 1e-9, name.c_str());
}

/// Seconds of steps in the median: on the device, and with all that the host does.
struct step_times {
  double device = 0, least = 0, whole = 0;

  template <class Step>
  step_times(detector& d, int steps, const Step& step) {
    std::vector<double> on_device, all;
    for (int i = 0; i < steps; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      step();
      all.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
      on_device.push_back(d.device().device_seconds());
    }
    device = median(on_device), least = *std::ranges::min_element(on_device), whole = median(all);
  }
};

/// There are some in every image, and they are in order.
void check_detections(detector& d, const odt::batch& b) {
  for (const odt::detections& image : d.detect(b))
    if (image.empty() || !std::ranges::is_sorted(image, std::ranges::greater{}, &odt::detection::score))
      odt::fail("an image has no detections, or they are not the best first");
}

int run(const arguments& a) {
  const auto compute = a.precision == "bf16" ? odt::precision::bf16 : odt::precision::fp32;
  detector d(odt::bench::options_of(a.model, a.num_classes, a.image_size), {.device = "cuda", .compute = compute});
  const odt::batch b = odt::random_batch(a.batch_size, {a.image_size, a.image_size}, a.num_classes);
  a.detect ? check_detections(d, b) : check_training(d, b, a.warmup);
  const step_times times(d, a.steps, [&] { a.detect ? void(d.detect(b)) : void(d.train_step(b)); });
  if (a.layers) print_operations(d, b);
  json line{{"program", "odt"},
            {"model", a.model},
            {"batch_size", a.batch_size},
            {"precision", a.precision},
            {"img_per_s", a.batch_size / times.device},
            {"median_ms", times.device * 1e3},
            {"min_ms", times.least * 1e3},
            {"with_batch_copy_ms", times.whole * 1e3},
            {"planned_mb", static_cast<double>(d.planned_bytes()) * 1e-6}};
  if (a.detect) {
    const step_times forward(d, a.steps, [&] { d.device().forward(b); });
    line["forward_ms"] = forward.device * 1e3;
  }
  std::printf("%s\n", a.json ? line.dump().c_str() : line.dump(1).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  arguments a;
  CLI::App app("Train steps or detections on one GPU on random data");
  app.add_option("--model", a.model)->check(CLI::IsMember({"ssd_mobilenet_v1", "ssd_inception_v2"}));
  app.add_option("--precision", a.precision)->check(CLI::IsMember({"fp32", "bf16"}));
  app.add_option("--num_classes", a.num_classes);
  app.add_option("--image_size", a.image_size);
  app.add_option("--batch_size", a.batch_size);
  app.add_option("--steps", a.steps);
  app.add_option("--warmup", a.warmup);
  app.add_flag("--detect", a.detect, "detections instead of train steps, and the forward pass alone");
  app.add_flag("--layers", a.layers, "every operation, timed by itself")->excludes("--detect");
  app.add_flag("--json", a.json, "one line");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(a);
  } catch (const std::exception& wrong) {
    std::fprintf(stderr, "bench_cuda_step: %s\n", wrong.what());
    return 1;
  }
}
