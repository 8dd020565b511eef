// SPDX-License-Identifier: MIT
// Whole train steps of an SSD on one GPU on random data, or with --detect its detections: milliseconds by events on the
// stream, with and without the copy of the batch, and the operations by the time they take. With --records, end to end
// too: from JPEGs in record files, flipped and cropped as in ssd_random_crop, to steps. bench/compare_cuda.py runs it
// beside PyTorch.
#include <odt/augmentations/random_horizontal_flip.hpp>
#include <odt/augmentations/ssd_random_crop.hpp>
#include <odt/cli/roofline.hpp>
#include <odt/dataset/loader.hpp>
#include <odt/train/benchmark.hpp>
#include <odt/train/lookahead.hpp>

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
  int num_classes = 90, image_size = 0, batch_size = 8, steps = 30, warmup = 5;
  bool layers = false, json = false, detect = false;
  std::vector<std::string> records;
  int data_threads = 0;
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

odt::loader_options records_of(const arguments& a, const detector& d, bool raw) {
  odt::loader_options o;
  o.input_path = a.records;
  o.resizer = d.resizer(), o.transform = d.pixels();
  o.augmentations.push_back(odt::random_horizontal_flip{});
  o.augmentations.push_back(odt::ssd_random_crop{});
  o.batch_size = a.batch_size;
  o.threads = a.data_threads;
  o.raw = raw;
  return o;
}

/// The same weights from bytes and from floats, or the times are worth nothing.
void check_raw_steps(const arguments& a, const odt::run_options& how) {
  std::vector<float> losses[2];
  for (const bool raw : {false, true}) {
    detector d(odt::bench::options_of(odt::bench::find_model(a.model), a.num_classes, a.image_size), how);
    odt::loader data(records_of(a, d, raw));
    odt::batch b;
    for (int i = 0; i < 3 && data.next(b); ++i) losses[raw].push_back(d.train_step(b).total_loss);
  }
  if (losses[0] != losses[1]) odt::fail("raw images train otherwise than finished ones");
}

/// Seconds of a step with all that it waits for, by the loader's kind of images.
json time_records(const arguments& a, detector& d, bool raw) {
  odt::loader records(records_of(a, d, raw));
  odt::lookahead data([&records](odt::batch& b) { return records.next(b); });
  std::vector<double> whole, device;
  double waited = 0;
  for (int i = 0; i < a.warmup + a.steps; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const double before = records.waited();
    if (!data.advance()) odt::fail("the records end");
    for (const odt::batch& next : data.next()) d.announce(next);
    d.train_shards(data.current());
    if (i < a.warmup) continue;
    whole.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    device.push_back(d.device().device_seconds());
    waited += records.waited() - before;
  }
  return {{"step_ms", median(device) * 1e3},
          {"end_to_end_ms", median(whole) * 1e3},
          {"waits_for_data_ms", waited / a.steps * 1e3},
          {"img_per_s", a.batch_size / median(whole)}};
}

int run(const arguments& a) {
  const auto compute = a.precision == "bf16" ? odt::precision::bf16 : odt::precision::fp32;
  const odt::run_options how{.device = "cuda", .compute = compute};
  if (!a.records.empty()) check_raw_steps(a, how);
  detector d(odt::bench::options_of(odt::bench::find_model(a.model), a.num_classes, a.image_size), how);
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
  if (!a.records.empty())
    line["records"] = {{"bytes", time_records(a, d, true)}, {"floats", time_records(a, d, false)}};
  std::printf("%s\n", a.json ? line.dump().c_str() : line.dump(1).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  arguments a;
  CLI::App app("Train steps or detections on one GPU on random data");
  app.add_option("--model", a.model, "one of " + odt::bench::model_names());
  app.add_option("--precision", a.precision)->check(CLI::IsMember({"fp32", "bf16"}));
  app.add_option("--num_classes", a.num_classes);
  app.add_option("--image_size", a.image_size, "side of the images; when not given, the model's");
  app.add_option("--batch_size", a.batch_size);
  app.add_option("--steps", a.steps);
  app.add_option("--warmup", a.warmup);
  app.add_flag("--detect", a.detect, "detections instead of train steps, and the forward pass alone");
  app.add_option("--records", a.records, "record files or patterns of JPEGs: end to end too")->excludes("--detect");
  app.add_option("--data_threads", a.data_threads, "that read them; 0: all of the machine's");
  app.add_flag("--layers", a.layers, "every operation, timed by itself")->excludes("--detect");
  app.add_flag("--json", a.json, "one line");
  CLI11_PARSE(app, argc, argv);
  try {
    if (a.image_size == 0) a.image_size = odt::bench::find_model(a.model).image_size;
    return run(a);
  } catch (const std::exception& wrong) {
    std::fprintf(stderr, "bench_cuda_step: %s\n", wrong.what());
    return 1;
  }
}
