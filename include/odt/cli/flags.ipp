// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/cli11.hpp>
#include <odt/cli/flags.hpp>
#include <odt/core/target.hpp>
#include <odt/core/text.hpp>

#include <map>
#include <string>

namespace odt::detail::cli {

ODT_INLINE void add_thread_flags(CLI::App& app, int& threads, int& data_threads) {
  app.add_option("--threads", threads, "threads that compute; 0: all of the machine's")
      ->check(between(0, 1024))
      ->capture_default_str();
  app.add_option("--data_threads", data_threads, "threads that read images; 0: a quarter of the machine's")
      ->check(between(0, 1024))
      ->capture_default_str();
}

/// Names of devices; a plugin's file is looked for when it is loaded.
ODT_INLINE CLI::Validator device_name() {
  const auto wrong = [](const std::string& device) -> std::string {
    const bool known = device == "cpu" || device == "cuda" || device == "auto" || device == "tpu";
    if (known || (device.starts_with("pjrt:") && device.size() > 5)) return {};
    return str(device, " is no device; there are cpu, cuda, auto, tpu, pjrt:PLUGIN");
  };
  return {wrong, ""};
}

ODT_INLINE void add_device_flags(CLI::App& app, std::string& device, std::optional<precision>& what) {
  app.add_option("--device", device,
                 "what computes; auto: a GPU where the program and the machine have one; pjrt: an accelerator's plugin "
                 "(docs/tpu.md)")
      ->check(device_name())
      ->type_name("cpu|cuda|auto|tpu|pjrt:FILE")
      ->capture_default_str();
  static const std::map<std::string, precision> names{{"fp32", precision::fp32}, {"bf16", precision::bf16}};
  app.add_option("--precision", what,
                 "of the products in convolutions, and on a GPU of activations; sums and variables are fp32 either way")
      ->transform(CLI::CheckedTransformer(names, CLI::ignore_case).description(""))
      ->type_name("fp32|bf16")
      ->default_str("fp32 on a CPU, bf16 on a GPU");
}

ODT_INLINE void add_best_flags(CLI::App& app, std::string& metric, int& patience, bool& export_best) {
  app.add_option(
      "--metric", metric,
      "which number of the evaluation tells how good a checkpoint is: a tag, or its end, such as mAP@.50IOU or "
      "total_loss (losses are better when lower); when not given, the first mAP");
  app.add_option("--patience", patience, "end after so many evaluations in a row without a better one; 0: do not")
      ->check(not_negative());
  app.add_flag("--export_best", export_best,
               "keep the best checkpoint in best/ beside the others, and export it for TensorFlow to export/best/");
}

ODT_INLINE void add_bad_example_flag(CLI::App& app, bad_example& what) {
  static const std::map<std::string, bad_example> names{{"fail", bad_example::fail}, {"skip", bad_example::skip}};
  app.add_option("--on_bad_example", what, "skip (count and list them) or fail")
      ->transform(CLI::CheckedTransformer(names, CLI::ignore_case).description(""))
      ->type_name("skip|fail")
      ->default_str(what == bad_example::fail ? "fail" : "skip");
}

}  // namespace odt::detail::cli
