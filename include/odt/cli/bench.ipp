// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/cli11.hpp>
#include <odt/cli/command.hpp>
#include <odt/cli/flags.hpp>
#include <odt/cli/roofline.hpp>
#include <odt/config/options.hpp>
#include <odt/config/pipeline.hpp>
#include <odt/core/human.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/exec/cpu/machine/isa.hpp>
#include <odt/io/file.hpp>
#include <odt/train/benchmark.hpp>
#include <odt/train/choose_detector.hpp>

#include <cstdio>
#include <memory>

namespace odt {

namespace detail::cli {

struct bench_command {
  std::string pipeline_config_path, svg, device = "cpu";
  int batch_size = 0;
  bool layers = false, plan_order = false;
  benchmark_options how;
};

/// The detector of the command's config, the batch that it runs on, and the memory that both take.
struct bench_subject {
  memory_growth memory;
  std::unique_ptr<detector> model;
  batch data;
  std::string name;  ///< for people
};

/// Where the size of the network's input depends on the image, it is that of a photo of 3:4.
ODT_INLINE bench_subject load_bench_subject(const bench_command& c, const program& p) {
  if (c.device != "cpu") fail("--device ", c.device, ": the ceilings here are a CPU's; bench_cuda_step times a GPU");
  const pipeline config = pipeline::load(c.pipeline_config_path);
  const settings& root = config.root();
  check_complete(root, config_use::detect);
  const detector_type& type = choose_detector(p.detectors, root);
  const int batch_size = c.batch_size > 0 ? c.batch_size : root.at("train_config").get<int>("batch_size");
  if (batch_size < 1) fail(root.at("train_config").at("batch_size").where(), "is ", batch_size, "; give --batch_size");
  bench_subject subject;
  subject.model = type.make(root, {.threads = c.how.threads, .device = c.device, .compute = c.how.compute});
  for (const auto* other : {"train_config", "train_input_reader", "eval_input_reader", "eval_config"})
    root.at(other).accept();
  refuse_unread(root);
  const size2 extent = subject.model->resizer().outer_size({1536, 2048});
  subject.data = random_batch(batch_size, extent, subject.model->num_classes());
  subject.name =
      str(subject.model->describe(1, extent).parts.at(0).name, ", batch of ", batch_size, " x ", extent.height, " x ",
          extent.width, ", ", name_of(c.how.compute.value_or(precision::fp32)), ", ", cpu::isa_name);
  return subject;
}

ODT_INLINE std::string bench_summary(const bench_command& c, const bench_subject& s, const benchmark_report& r) {
  const auto row = [](std::string_view what, const auto&... value) {
    return str("  ", padded(what, 20), value..., "\n");
  };
  const double rate = r.flops / r.median_seconds;
  std::string text = s.name + "\n";
  text += row(c.how.forward_only ? "forward pass" : "train step", fixed(r.median_seconds * 1e3, 2),
              " ms (the quickest ", fixed(r.least_seconds * 1e3, 2), " ms)");
  text += row("throughput", fixed(s.data.size / r.median_seconds, 2), " images/s");
  text += row("multiply-adds", fixed(rate * 1e-9, 1), " GFLOP/s, ", fixed(100 * rate / r.ceilings.flops, 1),
              " % of the peak of ", fixed(r.ceilings.flops * 1e-9, 0), " GFLOP/s measured meanwhile");
  text += row("memory bandwidth", "at most ", fixed(r.ceilings.bytes * 1e-9, 1), " GB/s, measured meanwhile");
  text += row("planned memory", human_bytes(r.planned_bytes));
  text +=
      row("resident memory", "grew by ", human_bytes(r.growth_bytes), ", ",
          human_bytes(static_cast<std::int64_t>(s.data.images.size() * sizeof(float))), " of them the random images");
  return text;
}

ODT_INLINE void bench_operations(const bench_command& c, bench_subject& s) {
  benchmark_options how = c.how;
  how.steps = std::min(how.steps, 10);
  step_profile profile = profile_steps(*s.model, s.data, how);
  if (!c.svg.empty()) write_file(c.svg, roofline_svg(profile.operations, profile.ceilings, s.name));
  if (!c.layers) return;
  std::vector<operation_time> totals = totals_by_kind(profile.operations);
  sort_by_lost_time(totals, profile.ceilings);
  if (!c.plan_order) sort_by_lost_time(profile.operations, profile.ceilings);
  for (const auto& rows : {profile.operations, totals})
    std::printf("\n%s", roofline_table(rows, profile.ceilings).c_str());
}

ODT_INLINE int run_bench(const bench_command& c, const program& p) {
  bench_subject subject = load_bench_subject(c, p);
  const benchmark_report report = time_steps(*subject.model, subject.data, c.how, subject.memory);
  if (!report.finite) warn("the losses on random data ran away, and updates were skipped; a lower learning rate helps");
  std::fputs(bench_summary(c, subject, report).c_str(), stdout);
  if (c.layers || !c.svg.empty()) bench_operations(c, subject);
  return 0;
}

ODT_INLINE void add_bench(CLI::App& app, program& p) {
  CLI::App* bench = app.add_subcommand("bench", "Time a config's train steps on random data, operation by operation");
  bench->footer("Example: odt bench --pipeline_config_path pipeline.config --layers --svg roofline.svg");
  const auto command = std::make_shared<bench_command>();
  bench_command& c = *command;
  bench->add_option("--pipeline_config_path", c.pipeline_config_path, "the pipeline.config")->required();
  bench->add_option("--batch_size", c.batch_size, "images a step; when not given, the config's")->check(positive());
  bench->add_option("--threads", c.how.threads, "threads that compute; 0: all of the machine's")
      ->check(between(0, 1024));
  add_device_flags(*bench, c.device, c.how.compute);
  bench->add_option("--steps", c.how.steps, "steps to time")->check(positive())->capture_default_str();
  bench->add_flag("--forward_only", c.how.forward_only, "the network in evaluation mode, without post-processing");
  bench->add_flag("--layers", c.layers, "every operation, those first that lose most against the machine's ceilings");
  bench->add_flag("--plan_order", c.plan_order, "with --layers: in the order in which they run");
  bench->add_option("--svg", c.svg, "write a picture of the operations under the ceilings");
  bench->callback([command, &p] { p.action = [command, &p] { return run_bench(*command, p); }; });
}

}  // namespace detail::cli

}  // namespace odt
