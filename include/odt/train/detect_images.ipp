// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/io/draw.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/same_file.hpp>
#include <odt/io/true_type.hpp>
#include <odt/train/detect_images.hpp>
#include <odt/train/evaluator.hpp>
#include <odt/train/progress.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <utility>

namespace odt {

namespace detail::detecting {

/// A name of its own in the output directory, with an ending that can be written.
ODT_INLINE std::string output_name(const std::string& path, std::set<std::string>& taken) {
  const std::filesystem::path source(path);
  const std::string ending = is_written(path) ? source.extension().string() : ".jpg";
  std::string name = source.stem().string() + ending;
  for (int n = 2; !taken.insert(name).second; ++n) name = str(source.stem().string(), "-", n, ending);
  return name;
}

}  // namespace detail::detecting

ODT_INLINE std::vector<std::string> find_images(const std::vector<std::string>& arguments) {
  std::vector<std::string> files;
  for (const std::string& argument : arguments) {
    if (!is_directory(argument)) {
      // A name that is there counts as it is, also with a comma or a bracket in it.
      if (file_exists(argument))
        files.push_back(argument);
      else
        std::ranges::copy(expand_globs({argument}), std::back_inserter(files));
      continue;
    }
    const std::size_t before = files.size();
    for (const auto& entry : std::filesystem::directory_iterator(argument))
      if ((entry.is_regular_file() || !entry.exists()) && is_picture_name(entry.path().string()))
        files.push_back(entry.path().string());
    if (files.size() == before) fail(argument, ": this directory has no picture (", join(picture_endings, ", "), ")");
    std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end());
  }
  return files;
}

ODT_INLINE detect_summary detect_images(const ready_detector& detector, const std::vector<std::string>& images,
                                        const detect_options& how) {
  if (is_picture_name(how.output) && !is_directory(how.output))
    fail(how.output,
         ": is the name of a picture; --output names a folder, in which each drawing has its picture's name");
  make_directories(how.output);
  const auto names = detector.class_names();
  if (!how.font.empty()) true_type(how.font);  // before any work
  const draw_options drawing{.min_score = how.min_score, .max_boxes = how.max_boxes, .font = how.font};
  console out;
  detect_summary summary;
  std::vector<image_result> results;
  std::set<std::string> taken;
  std::vector<std::string> drawings;
  for (const std::string& path : images)
    drawings.push_back(join_path(how.output, detail::detecting::output_name(path, taken)));
  refuse_to_replace(images, drawings, "choose another --output");
  image drawn;
  auto last = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < images.size(); ++i) {
    const std::string& path = images[i];
    try {
      drawn = read_upright(path);
      const size2 size = drawn.size();
      detections found = detector.model->detect(drawn);
      for (const detection& d : found) summary.best_score = std::max(summary.best_score, d.score);
      draw_detections(drawn, found, names, drawing);
      const auto shown = std::ranges::count_if(found, [&](const detection& d) { return d.score > how.min_score; });
      summary.boxes += static_cast<std::size_t>(std::min<std::ptrdiff_t>(shown, how.max_boxes));
      results.push_back(
          make_result(path, size, std::move(found), std::filesystem::path(drawings[i]).filename().string()));
    } catch (const error& wrong) {
      if (!how.skip_bad_images) throw;
      summary.bad.push_back(wrong.what());
      out.line(str("skipped: ", wrong.what()));
      continue;
    }
    write_image(drawings[i], drawn);
    const auto now = std::chrono::steady_clock::now();
    if (now - last < std::chrono::seconds(out.terminal() ? 0 : 10)) continue;
    last = now;
    out.status(str("image ", results.size() + summary.bad.size(), " of ", images.size()));
  }
  summary.images = results.size();
  write_file(join_path(how.output, "detections.json"), coco_results(results, detector.labels));
  return summary;
}

}  // namespace odt
