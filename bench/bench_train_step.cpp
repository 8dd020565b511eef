// SPDX-License-Identifier: MIT
// Whole train steps of a detector on random data: images a second, milliseconds, memory, and the shares of what the
// machine gives at the same moment. bench/compare.sh runs it beside its peers.
#include <odt/cli/roofline.hpp>
#include <odt/exec/cpu/machine/ceiling.hpp>
#include <odt/train/benchmark.hpp>

#include "gradient_times.hpp"
#include "timing.hpp"
#include "train_step_detector.hpp"
#include "train_step_two_stage.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using odt::detector;
using json = nlohmann::ordered_json;

struct arguments {
  std::string model = "ssd_mobilenet_v1";
  int num_classes = 90;
  int image_size = 0;
  int batch_size = 0;
  std::string precision = "fp32";
  bool layers = false;
  bool ceilings = false;
  bool gradients = false;
  bool json = false;
  odt::benchmark_options how{.warmup = 5, .threads = 2};
};

/// A benchmark of wrong results is worth nothing: losses are finite and get below the first on a batch that stays the
/// same.
void check_training(detector& d, const odt::batch& b, int steps) {
  const float first = d.train_step(b).total_loss;
  float last = first, least = first;
  for (int i = 1; i < std::max(steps, 2); ++i) least = std::min(least, last = d.train_step(b).total_loss);
  if (!std::isfinite(last) || !(least < first)) odt::fail("the loss went from ", first, " to ", last);
}

void check_forward(detector& d, const odt::batch& b) {
  if (const float loss = d.evaluate(b).total_loss; !std::isfinite(loss)) odt::fail("the loss is ", loss);
}

void print_layers(detector& d, const odt::batch& b, const arguments& a) {
  odt::step_profile profile = odt::profile_steps(d, b, a.how);
  std::vector<odt::operation_time> totals = odt::totals_by_kind(profile.operations);
  for (auto* rows : {&profile.operations, &totals}) {
    odt::sort_by_lost_time(*rows, profile.ceilings);
    std::puts(odt::roofline_table(*rows, profile.ceilings).c_str());
  }
}

/// The least bytes of a step's operations.
double step_bytes(detector& d, const odt::batch& b, bool forward_only) {
  double bytes = 0;
  for (const odt::operation_time& o : d.profile(b, forward_only)) bytes += o.bytes;
  return bytes;
}

/// What steps of that batch need in all, as it is told before the first of them.
double foreseen_bytes(const detector& d, const odt::batch& b, bool forward_only) {
  const odt::step_shape step{b.size, {b.height, b.width}, b.max_boxes, !forward_only};
  return static_cast<double>(d.foresee({&step, 1}).needed);
}

json result_of(const arguments& a, detector& d, const odt::batch& b, const odt::benchmark_report& r, double foreseen) {
  const double mega = 1e6, seconds = r.median_seconds, bytes = step_bytes(d, b, a.how.forward_only);
  const odt::detector_description about = d.describe(b.size, {b.height, b.width});
  return {{"program", "odt"},
          {"model", a.model},
          {"image_size", a.image_size},
          {"parameters", about.parameters},
          {"multiply_adds", about.multiply_adds},
          {"batch_size", a.batch_size},
          {"threads", a.how.threads},
          {"precision", a.precision},
          {"forward_only", a.how.forward_only},
          {"isa", odt::cpu::isa_name},
          {"img_per_s", a.batch_size / seconds},
          {"median_ms", seconds * 1e3},
          {"min_ms", r.least_seconds * 1e3},
          {"step_gflop", r.flops / 1e9},
          {"step_gbyte", bytes / 1e9},
          {"peak_gflops", r.ceilings.flops / 1e9},
          {"bandwidth_gbs", r.ceilings.bytes / 1e9},
          {"share_of_peak", r.flops / seconds / r.ceilings.flops},
          {"share_of_bandwidth", bytes / seconds / r.ceilings.bytes},
          {"planned_mb", static_cast<double>(r.planned_bytes) / mega},
          {"foreseen_mb", foreseen / mega},
          {"rss_growth_mb", static_cast<double>(r.growth_bytes) / mega}};
}

/// The ceilings alone, for peers that cannot measure them.
void print_ceilings(const odt::benchmark_options& how) {
  odt::thread_pool pool(how.threads);
  const double flops =
      how.compute == odt::precision::bf16 ? odt::cpu::bf16_peak(pool, 20) : odt::cpu::fma_peak(pool, 20);
  const double bytes = odt::cpu::memory_ceiling(pool).measure();
  std::puts(json{{"peak_gflops", flops / 1e9}, {"bandwidth_gbs", bytes / 1e9}}.dump().c_str());
}

/// Takes what is not given from the model; the size of the network's input.
odt::size2 complete(arguments& a) {
  const odt::bench::two_stage_model* const two_stage = odt::bench::find_two_stage_model(a.model);
  if (a.image_size == 0) a.image_size = two_stage ? odt::bench::short_side : odt::bench::find_model(a.model).image_size;
  if (a.batch_size == 0) a.batch_size = two_stage ? 1 : 8;
  return {a.image_size, two_stage ? a.image_size * 4 / 3 : a.image_size};
}

std::unique_ptr<detector> make_detector(const arguments& a, odt::communicator* ranks = nullptr) {
  const odt::run_options run{.seed = 1, .threads = a.how.threads, .compute = a.how.compute, .ranks = ranks};
  if (const auto* model = odt::bench::find_two_stage_model(a.model))
    return std::make_unique<odt::bench::two_stage_detector>(odt::bench::options_of(*model, a.num_classes), run);
  return std::make_unique<odt::bench::detector>(
      odt::bench::options_of(odt::bench::find_model(a.model), a.num_classes, a.image_size), run);
}

/// A line for bench/scaling.py: medians over the steps, of the step and of how long before its last gradient each tenth
/// of them was final.
void print_gradients(const arguments& a, const odt::batch& b) {
  constexpr std::size_t parts = 10;
  odt::bench::gradient_times times;
  const std::unique_ptr<detector> d = make_detector(a, &times);
  check_training(*d, b, a.how.warmup);
  std::vector<std::vector<double>> measured(parts + 1);
  for (int step = 0; step < a.how.steps; ++step) {
    measured[parts].push_back(odt::bench::seconds([&] { d->train_step(b); }));
    const std::vector<double> left = times.seconds_left(parts);
    for (std::size_t part = 0; part < parts; ++part) measured[part].push_back(left[part]);
  }
  std::vector<double> medians;
  for (std::vector<double>& of_part : measured) {
    std::ranges::sort(of_part);
    medians.push_back(of_part[of_part.size() / 2]);
  }
  const double step = medians.back();
  json hidden = json::array();
  for (std::size_t part = 0; part < parts; ++part) hidden.push_back(std::round(1e3 * medians[part] / step) / 1e3);
  std::puts(json{{"model", a.model},
                 {"batch_size", a.batch_size},
                 {"threads", a.how.threads},
                 {"img_per_s", a.batch_size / step},
                 {"megabytes", static_cast<double>(times.floats()) * 4 / 1e6},
                 {"hidden", hidden}}
                .dump()
                .c_str());
}

void add_flags(CLI::App& app, arguments& a) {
  app.add_option("--model", a.model,
                 "one of " + odt::bench::model_names() + ", " + odt::bench::two_stage_model_names());
  app.add_option("--num_classes", a.num_classes);
  app.add_option("--image_size", a.image_size,
                 "side of the images, for two stages the short one of 3:4; when not given, the model's");
  app.add_option("--batch_size", a.batch_size, "when not given, 8, for two stages 1");
  app.add_option("--threads", a.how.threads);
  app.add_option("--steps", a.how.steps)->check(CLI::PositiveNumber);
  app.add_option("--warmup", a.how.warmup, "steps before, which also check the results");
  app.add_option("--precision", a.precision)->check(CLI::IsMember({"fp32", "bf16"}));
  app.add_flag("--forward_only", a.how.forward_only,
               "the network in evaluation mode, without post-processing; for two stages with it");
  app.add_flag("--layers", a.layers, "every operation, those first that lose most against the machine's ceilings");
  app.add_flag("--gradients", a.gradients, "when in a step its gradients are final; bench/scaling.py reads it");
  app.add_flag("--ceilings", a.ceilings, "only what the machine gives at this moment");
  app.add_flag("--json", a.json, "one line of JSON (the default output is the same line)");
}

}  // namespace

int main(int argc, char** argv) try {
  arguments a;
  CLI::App app{"Times train steps of a detector on random data."};
  add_flags(app, a);
  CLI11_PARSE(app, argc, argv);
  if (a.precision == "bf16") a.how.compute = odt::precision::bf16;
  if (a.ceilings) return print_ceilings(a.how), 0;

  const odt::size2 extent = complete(a);
  const odt::batch b = odt::random_batch(a.batch_size, extent, a.num_classes);
  if (a.gradients) return print_gradients(a, b), 0;
  const odt::memory_growth memory;
  const std::unique_ptr<detector> made = make_detector(a);
  detector& d = *made;
  const double foreseen = foreseen_bytes(d, b, a.how.forward_only);
  if (!a.how.forward_only) check_training(d, b, std::exchange(a.how.warmup, 0));
  if (a.layers) return print_layers(d, b, a), 0;
  const odt::benchmark_report report = odt::time_steps(d, b, a.how, memory);
  std::puts(result_of(a, d, b, report, foreseen).dump().c_str());
  if (a.how.forward_only) check_forward(d, b);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_train_step: %s\n", e.what());
  return 1;
}
