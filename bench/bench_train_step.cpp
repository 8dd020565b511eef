// SPDX-License-Identifier: MIT
// Whole train steps of an SSD on random data: images a second, milliseconds, and the share of the machine's peak of
// multiply-adds measured at the same moment. bench/compare.sh runs it beside PyTorch.
#include "ceiling.hpp"

#include <odt/ssd.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace {

using detector = odt::ssd<odt::any_of<odt::mobilenet_v1, odt::inception_v2>, odt::faster_rcnn_box_coder,
                          odt::argmax_matcher, odt::momentum>;

struct arguments {
  std::string model = "ssd_mobilenet_v1";
  int num_classes = 90;
  int image_size = 300;
  int batch_size = 8;
  int threads = 2;
  int steps = 20;
  std::string precision = "fp32";
  bool forward_only = false;
  bool layers = false;
  bool json = false;
};

detector::options options_of(const arguments& a) {
  detector::options o;
  o.num_classes = a.num_classes;
  o.resizer = odt::image_resizer::fixed_shape({a.image_size, a.image_size});
  if (a.model == "ssd_inception_v2") {
    o.feature_extractor = odt::inception_v2{};
    std::get<0>(o.box_predictor).opts.kernel_size = 3;
  }
  o.loss.miner = odt::hard_example_miner{3000, 0.99f, odt::mining_loss::classification, 3, 0};
  o.update.clip_norm = 10;
  o.update.average = false;
  return o;
}

odt::batch random_batch(const arguments& a) {
  odt::batch b = odt::batch::zeros(a.batch_size, a.image_size, a.image_size, 100);
  odt::random_stream random(1);
  for (float& pixel : b.images) pixel = random.uniform(-1, 1);
  const odt::boxf boxes[] = {{0.1f, 0.1f, 0.4f, 0.5f}, {0.3f, 0.4f, 0.9f, 0.8f}, {0.5f, 0.05f, 0.75f, 0.35f}};
  for (int i = 0; i < a.batch_size; ++i) {
    b.counts[static_cast<std::size_t>(i)] = 3;
    for (int k = 0; k < 3; ++k) {
      const auto at = static_cast<std::size_t>(i * 100 + k);
      b.boxes[at] = boxes[k], b.classes[at] = (1 + 4 * k) % a.num_classes, b.weights[at] = 1;
    }
  }
  return b;
}

/// Milliseconds of every operation of the plan over one step, largest first.
void print_layers(detector& d, const odt::batch& b) {
  auto& step = static_cast<odt::cpu::ssd_step<detector::axes>&>(d.device());
  std::vector<std::pair<double, std::string>> rows;
  static constexpr const char* names[] = {"pad",          "conv",      "depthwise", "normalize", "max_pool",
                                          "average_pool", "dropout",   "loss",      "zero",      "normalize'",
                                          "clamp'",       "conv dw",   "conv dx",   "depthw dw", "depthw dx",
                                          "max_pool'",    "avg_pool'", "dropout'"};
  step.network_runner().observer = [&](int layer, odt::operation kind, double seconds) {
    char line[256];
    std::snprintf(line, sizeof line, "%8.3f ms  %-10s %s", seconds * 1e3, names[static_cast<int>(kind)],
                  d.layers()[layer].name.c_str());
    rows.emplace_back(seconds, line);
  };
  d.train_step(b);
  step.network_runner().observer = {};
  std::ranges::sort(rows, std::greater<>{});
  for (const auto& row : rows) std::puts(row.second.c_str());
}

}  // namespace

int main(int argc, char** argv) try {
  arguments a;
  CLI::App app{"Times train steps of an SSD on random data."};
  app.add_option("--model", a.model)->check(CLI::IsMember({"ssd_mobilenet_v1", "ssd_inception_v2"}));
  app.add_option("--num_classes", a.num_classes);
  app.add_option("--image_size", a.image_size);
  app.add_option("--batch_size", a.batch_size);
  app.add_option("--threads", a.threads);
  app.add_option("--steps", a.steps);
  app.add_option("--precision", a.precision)->check(CLI::IsMember({"fp32"}));
  app.add_flag("--forward_only", a.forward_only, "detections of evaluation mode instead of train steps");
  app.add_flag("--layers", a.layers, "the time of every operation");
  app.add_flag("--json", a.json, "one line of JSON (the default output is the same line)");
  CLI11_PARSE(app, argc, argv);

  detector d(options_of(a), {.seed = 1, .threads = a.threads});
  const odt::batch b = random_batch(a);
  // A benchmark of wrong results is worth nothing: losses are finite and fall on a batch that stays the same.
  const float first = d.train_step(b).total_loss;
  float last = first;
  for (int i = 0; i < 4; ++i) last = d.train_step(b).total_loss;
  if (!std::isfinite(last) || !(last < first)) {
    std::fprintf(stderr, "bench_train_step: the loss went from %g to %g\n", static_cast<double>(first),
                 static_cast<double>(last));
    return 1;
  }
  if (a.layers) return print_layers(d, b), 0;

  odt::thread_pool pool(a.threads);
  std::vector<double> times, peaks;
  for (int i = 0; i < a.steps; ++i) {
    if (i % 5 == 0) peaks.push_back(odt::bench::fma_peak(pool, 1));
    times.push_back(odt::bench::seconds([&] { a.forward_only ? void(d.detect(b)) : void(d.train_step(b)); }));
  }
  std::ranges::sort(times);
  std::ranges::sort(peaks);
  const double median = times[times.size() / 2], peak = peaks[peaks.size() / 2];
  const double flop = (a.forward_only ? 2.0 : 6.0) * a.batch_size *
                      static_cast<double>(odt::multiply_adds(d.layers(), {a.image_size, a.image_size}));
  const nlohmann::ordered_json line{{"program", "odt"},
                                    {"model", a.model},
                                    {"batch_size", a.batch_size},
                                    {"threads", a.threads},
                                    {"precision", a.precision},
                                    {"forward_only", a.forward_only},
                                    {"isa", odt::cpu::isa_name},
                                    {"img_per_s", a.batch_size / median},
                                    {"median_ms", median * 1e3},
                                    {"min_ms", times.front() * 1e3},
                                    {"fma_peak_gflops", peak / 1e9},
                                    {"share_of_peak", flop / median / peak},
                                    {"arena_mb", static_cast<double>(d.device().arena_bytes()) / 1e6}};
  std::puts(line.dump().c_str());
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_train_step: %s\n", e.what());
  return 1;
}
