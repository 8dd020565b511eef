// SPDX-License-Identifier: MIT
#pragma once

#include <odt/config/options.hpp>
#include <odt/core/error.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/record_set.hpp>
#include <odt/export/check_export.hpp>
#include <odt/export/check_scripts.ipp>
#include <odt/io/example.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/piped_command.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <random>

namespace odt {

namespace detail::checking {

/// A folder that is gone with this object.
class scratch_folder {
 public:
  scratch_folder() {
    std::random_device random;
    path_ = (std::filesystem::temp_directory_path() / str("odt-check-", random(), random())).string();
    make_directories(path_);
  }
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  std::string operator/(std::string_view name) const { return join_path(path_, name); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Bytes in RGB, or for TFLite the floats of the network's input.
ODT_INLINE void write_photos(const scratch_folder& folder, std::span<const check_photo> photos, export_format format,
                             const detector& model) {
  auto list = nlohmann::json::array();
  const auto add = [&](const auto& p) {
    const std::string name = str(list.size(), ".rgb");
    const auto bytes = std::as_bytes(std::span(p.pixels));
    write_file(folder / name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    list.push_back({{"file", name}, {"shape", {p.height, p.width, 3}}});
  };
  for (const check_photo& photo : photos)
    if (format == export_format::tflite)
      add(to_network_input(photo.pixels, model.resizer(), model.pixels()).pixels);
    else
      add(photo.pixels);
  write_file(folder / "photos.json", list.dump());
}

ODT_INLINE detections detections_of(const nlohmann::json& found) {
  detections all;
  for (std::size_t i = 0; i < found.at("scores").size(); ++i) {
    const auto& b = found.at("boxes")[i];
    detection d;
    d.bounds = {b[0].get<float>(), b[1].get<float>(), b[2].get<float>(), b[3].get<float>()};
    d.label = static_cast<int>(found.at("classes")[i].get<float>()) - 1;
    d.score = found.at("scores")[i].get<float>();
    all.push_back(d);
  }
  return all;
}

ODT_INLINE float distance(const boxf& a, const boxf& b) {
  return std::max(
      {std::abs(a.ymin - b.ymin), std::abs(a.xmin - b.xmin), std::abs(a.ymax - b.ymax), std::abs(a.xmax - b.xmax)});
}

}  // namespace detail::checking

ODT_INLINE check_photo resized_photo(const check_photo& photo, size2 size) {
  const network_input floats = to_network_input(photo.pixels, image_resizer::fixed_shape(size), {});
  check_photo result{photo.name, image(size.height, size.width)};
  std::ranges::transform(floats.pixels.pixels, result.pixels.pixels.begin(), [](float value) {
    return static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0f, 255.0f)));
  });
  return result;
}

ODT_INLINE std::vector<check_photo> evaluation_photos(const settings& root, std::size_t count) {
  std::vector<check_photo> photos;
  for (const settings& reader : root.find("eval_input_reader")->children) {
    const input_options input = read_input_options(reader);
    if (input.input_path.empty() || expand_globs(input.input_path).empty()) continue;
    const record_set records(input.input_path);
    for (std::uint64_t i = 0; i < records.size() && photos.size() < count; ++i) {
      const std::string place = records.place(i);
      const example e = parse_example(records.read(i), place);
      photos.push_back({e.name(place), decode_image(e.encoded, place)});
    }
  }
  return photos;
}

namespace detail::checking {

/// Detections of one program that the other one has not.
struct unmatched {
  std::string_view who;
  std::vector<detection> found{};
  float last = 0;  ///< the lowest score of the other program's
};

/// Above it, one box may suppress another; the lowest threshold that configs have.
inline constexpr float overlap = 0.3f;

ODT_INLINE bool overlap_in_class(const detection& a, const detection& b) {
  return a.label == b.label && iou(a.bounds, b.bounds) > overlap;
}

/// Pairs that overlap and have the same score.
ODT_INLINE detections tied(const unmatched& ours, const unmatched& theirs, float tolerance) {
  detections all;
  for (const detection& a : ours.found)
    for (const detection& b : theirs.found)
      if (overlap_in_class(a, b) && std::abs(a.score - b.score) <= tolerance) all.push_back(a), all.push_back(b);
  return all;
}

/// Whether a box may come from a crop that ends at the lower or right border of its picture: boxes are refined.
ODT_INLINE bool ends_at_border(const boxf& b) { return std::max(b.ymax, b.xmax) > 0.95f; }

/// Takes away the pairs that differ by no more than crops at the border may; returns how many there were.
ODT_INLINE std::size_t take_border_pairs(unmatched& ours, unmatched& theirs, const check_tolerance& tolerance) {
  return std::erase_if(ours.found, [&](const detection& a) {
    const auto pair = std::ranges::find_if(theirs.found, [&](const detection& b) {
      return a.label == b.label && ends_at_border(a.bounds) && ends_at_border(b.bounds) &&
             distance(a.bounds, b.bounds) <= tolerance.border_box &&
             std::abs(a.score - b.score) <= tolerance.border_score;
    });
    if (pair == theirs.found.end()) return false;
    theirs.found.erase(pair);
    return true;
  });
}

ODT_INLINE std::string describe(const check_photo& photo, const detection& d, std::string_view who) {
  const boxf& b = d.bounds;
  return str(photo.name, ": only ", who, " has class ", d.label + 1, " with score ", significant(d.score, 4), " at ",
             significant(b.ymin, 4), ", ", significant(b.xmin, 4), ", ", significant(b.ymax, 4), ", ",
             significant(b.xmax, 4));
}

}  // namespace detail::checking

ODT_INLINE void compare_detections(const check_photo& photo, const detections& ours, const detections& theirs,
                                   const check_tolerance& tolerance, check_report& report) {
  using namespace detail::checking;
  std::vector<bool> taken(theirs.size(), false);
  unmatched mine{"odt"}, other{"the export"};
  for (const detection& d : ours) {
    if (d.score < tolerance.least) continue;
    std::size_t best = theirs.size();
    for (std::size_t i = 0; i < theirs.size(); ++i) {
      if (taken[i] || theirs[i].label != d.label || std::abs(theirs[i].score - d.score) > tolerance.score) continue;
      if (best == theirs.size() || distance(theirs[i].bounds, d.bounds) < distance(theirs[best].bounds, d.bounds))
        best = i;
    }
    if (best == theirs.size() || distance(theirs[best].bounds, d.bounds) > tolerance.box) {
      mine.found.push_back(d);
      continue;
    }
    taken[best] = true;
    ++report.detections;
    report.score = std::max(report.score, std::abs(theirs[best].score - d.score));
    report.box = std::max(report.box, distance(theirs[best].bounds, d.bounds));
  }
  for (std::size_t i = 0; i < theirs.size(); ++i)
    if (!taken[i]) other.found.push_back(theirs[i]);
  if (ours.size() == theirs.size() && !ours.empty()) other.last = ours.back().score, mine.last = theirs.back().score;
  report.at_border += take_border_pairs(mine, other, tolerance);
  const detections ties = tied(mine, other, tolerance.score);
  for (const unmatched& side : {mine, other})
    for (const detection& d : side.found) {
      if (d.score < tolerance.least + tolerance.score) continue;
      const bool follows = std::ranges::any_of(ties, [&](const detection& t) { return overlap_in_class(t, d); });
      if (follows || (!ties.empty() && d.score <= side.last + tolerance.score))
        ++report.ties;
      else
        report.problems.push_back(detail::checking::describe(photo, d, side.who));
    }
  ++report.photos;
}

ODT_INLINE std::string_view package_of(export_format format) {
  constexpr std::string_view names[] = {"tensorflow", "onnxruntime", "tflite_runtime", "jax"};
  return names[static_cast<std::size_t>(format)];
}

ODT_INLINE std::string rule_of(const tflite_options& how) {
  const std::string_view nms = "model.ssd.post_processing.batch_non_max_suppression.";
  const int a_class = how.use_regular_nms ? std::min(how.detections_per_class, how.max_detections) : how.max_detections;
  return str(nms, "max_total_detections=", how.max_detections, ",", nms, "max_detections_per_class=", a_class, ",", nms,
             "use_class_agnostic_nms=", how.use_regular_nms ? "false" : "true");
}

ODT_INLINE check_report check_export(const ready_detector& detector, const std::string& directory, export_format format,
                                     std::span<const check_photo> photos, std::string_view python,
                                     const check_tolerance& tolerance) {
  using namespace detail::checking;
  const scratch_folder folder;
  write_photos(folder, photos, format, *detector.model);
  constexpr std::string_view scripts[] = {tensorflow_script, onnx_script, tflite_script, stablehlo_script};
  write_file(folder / "check.py", scripts[static_cast<std::size_t>(format)]);
  const std::string command =
      str(shell_word(python), " ", shell_word(folder / "check.py"), " ", shell_word(folder.path()), " ",
          shell_word(directory), " 2> ", shell_word(folder / "errors"));
  check_report report;
  if (const int status = std::system(command.c_str()); status != 0) {
    const std::string errors = read_file(folder / "errors");
    constexpr int not_installed = 77, not_found = 127;
    if (const int code = status / 256; code == not_installed || code == not_found) return report;
    fail(directory, ": the export does not run: ", errors.substr(errors.size() > 2000 ? errors.size() - 2000 : 0));
  }
  const auto result = nlohmann::json::parse(read_file(folder / "found.json"));
  report.runner = result.at("runner").get<std::string>();
  for (std::size_t i = 0; i < photos.size(); ++i) {
    const auto& found = result.at("found")[i];
    const detections theirs = detections_of(found);
    detections ours = detector.model->detect(photos[i].pixels);
    // In the place of boxes outside of the picture that TFLite counts, odt has the next ones.
    if (ours.size() > theirs.size() && ours.size() - theirs.size() <= found.value("outside", std::size_t{0}))
      ours.resize(theirs.size());
    compare_detections(photos[i], ours, theirs, tolerance, report);
  }
  return report;
}

ODT_INLINE std::string describe(const check_report& report) {
  std::string text = str(report.runner, " agrees on ", counted(static_cast<std::int64_t>(report.photos), "photo"), ", ",
                         counted(static_cast<std::int64_t>(report.detections), "detection"), ": scores differ by ",
                         significant(report.score, 2), " at most, boxes by ", significant(report.box, 2));
  if (report.detections == 0) text += "; with no score that high in any of them, that says little";
  if (report.at_border > 0)
    text +=
        str("; ", counted(static_cast<std::int64_t>(report.at_border), "other"), " by crops that end at the border");
  if (report.ties > 0)
    text += str("; ", counted(static_cast<std::int64_t>(report.ties), "other"), " by ties of scores");
  if (!report.problems.empty())
    text = str(report.runner, " does not agree on ",
               counted(static_cast<std::int64_t>(report.problems.size()), "detection"), ":\n  ",
               join(report.problems, "\n  "));
  return text;
}

}  // namespace odt
