// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/inspect.hpp>
#include <odt/cli/tensor_statistics.hpp>
#include <odt/config/pipeline.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/checkpoint_files.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/file.hpp>
#include <odt/io/tensor_values.hpp>
#include <odt/train/run_state.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <optional>

namespace odt {

namespace detail::checkpoint_inspection {

ODT_INLINE std::string value_text(const checkpoint_reader& reader, const tensor_info& tensor) {
  if (element_size(tensor.type) == 0) return {};
  if (is_floating(tensor.type) && tensor.elements() != 1) return tensor_statistics(read_doubles(reader, tensor)).text();
  reader.read_raw(tensor);  // checks the checksum
  if (tensor.elements() != 1) return {};
  if (tensor.type == element_type::int64) return std::to_string(reader.read<std::int64_t>(tensor.name)[0]);
  if (tensor.type == element_type::int32) return std::to_string(reader.read<std::int32_t>(tensor.name)[0]);
  if (is_floating(tensor.type)) return significant(read_doubles(reader, tensor)[0], 6);
  return {};
}

/// "2026-11-29 17:03", of this machine's clock.
ODT_INLINE std::string time_of(const std::string& file) {
  struct stat status {};
  std::tm local{};
  char text[32] = "";
  if (::stat(file.c_str(), &status) == 0 && ::localtime_r(&status.st_mtime, &local))
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local);
  return text;
}

ODT_INLINE std::string line(std::string_view name, const std::string& value) {
  return value.empty() ? "" : str("  ", padded(name, 17), "  ", value, "\n");
}

/// "ssd with ssd_mobilenet_v1, 4 classes"
ODT_INLINE std::string model_of(const settings& root) {
  for (const settings& model : root.at("model").children) {
    const settings* extractor = model.find("feature_extractor");
    const settings* classes = model.find("num_classes");
    if (model.set && extractor && classes)
      return str(model.name, " with ", extractor->at("type").text, ", ", classes->text,
                 classes->text == "1" ? " class" : " classes");
  }
  return {};
}

ODT_INLINE std::string run_text(const checkpoint_reader& reader) {
  const auto run = read_run_state(reader);
  std::string text;
  if (run && !run->config.empty()) {
    const pipeline config = pipeline::parse(run->config, reader.prefix());
    text += line("detector", model_of(config.root()));
    const std::int64_t last = config.root().at("train_config").get<std::int64_t>("num_steps");
    text += line("of num_steps", last > 0 ? grouped(last) : "");
  }
  if (run)
    text += line("images seen", grouped(static_cast<std::int64_t>(run->samples_seen))) +
            line("seed", std::to_string(run->seed));
  return text;
}

/// The number that made a checkpoint the best: "DetectionBoxes_Precision/mAP 0.534 at step 1500".
ODT_INLINE std::string best_text(const std::string& directory) {
  const auto found = latest_checkpoint(directory);
  if (!found) return {};
  const checkpoint_reader reader(*found);
  constexpr std::string_view mark = "odt/best/";
  for (const tensor_info& t : reader.tensors())
    if (t.name.starts_with(mark) && t.type == element_type::float64 && t.elements() == 1)
      return str(t.name.substr(mark.size()), " ", significant(reader.read<double>(t.name)[0]), ": ", *found);
  return *found;
}

/// What lies in a model's directory.
ODT_INLINE std::string directory_text(const std::string& directory) {
  std::vector<std::int64_t> steps;
  for (const std::string& index : matching_files(join_path(glob_of(directory), "*.index")))
    if (const auto step = checkpoint_step(std::string_view(index).substr(0, index.size() - 6))) steps.push_back(*step);
  std::ranges::sort(steps);
  const std::string config = join_path(directory, "pipeline.config");
  return line("checkpoints", str("steps ", join(steps, ", "))) + line("best", best_text(join_path(directory, "best"))) +
         line("config", file_exists(config) ? config : "");
}

ODT_INLINE std::string tensors_text(const checkpoint_reader& reader, bool has_data) {
  std::size_t widest = 0;
  for (const tensor_info& t : reader.tensors())
    widest = std::min<std::size_t>(100, std::max(widest, display_width(t.name)));
  std::string text;
  for (const tensor_info& t : reader.tensors())
    text += str("  ", padded(t.name, widest), "  ", padded(describe(t), 24), "  ",
                has_data ? value_text(reader, t) : "", "\n");
  return text;
}

}  // namespace detail::checkpoint_inspection

ODT_INLINE std::string inspect_checkpoint(const std::string& path, bool tensors) {
  namespace d = detail::checkpoint_inspection;
  const checkpoint_reader reader(checkpoint_prefix(path));
  std::int64_t bytes = 0, values = 0;
  for (const tensor_info& t : reader.tensors()) {
    bytes += static_cast<std::int64_t>(t.bytes);
    values += static_cast<std::int64_t>(t.elements());
  }
  const bool has_data = reader.has_values();
  std::string text = str("checkpoint ", reader.prefix(), "\n");
  if (!has_data) text += "the values are not there: the file .data-... is missing\n";
  if (const tensor_info* step = reader.find("global_step"); step && has_data)
    text += d::line("step", d::value_text(reader, *step));
  text += d::line("saved", d::time_of(reader.path()));
  if (has_data) text += d::run_text(reader);
  if (is_directory(path)) text += d::directory_text(path);
  text += d::line("tensors", str(grouped(std::ssize(reader.tensors())), ", ", grouped(values), " values, ",
                                 human_bytes(bytes), tensors ? "" : "; --tensors lists them"));
  return tensors ? text + d::tensors_text(reader, has_data) : text;
}

}  // namespace odt
