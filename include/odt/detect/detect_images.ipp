// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/detect/detect_images.hpp>
#include <odt/detect/video.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_system.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/same_file.hpp>
#include <odt/io/true_type.hpp>
#include <odt/train/evaluator.hpp>
#include <odt/train/progress.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

namespace odt {

namespace detail::detecting {

/// A name of its own in the output directory, with an ending that can be written.
ODT_INLINE std::string output_name(const std::string& path, std::set<std::string>& taken) {
  const std::filesystem::path source(path);
  const std::string ending = is_video_name(path) ? ".mp4" : is_written(path) ? source.extension().string() : ".jpg";
  std::string name = source.stem().string() + ending;
  for (int n = 2; !taken.insert(name).second; ++n) name = str(source.stem().string(), "-", n, ending);
  return name;
}

/// The detections with a higher score.
ODT_INLINE image_result above(const image_result& all, float min_score) {
  image_result some{all.id, all.size, {}, {}, all.drawn};
  for (std::size_t i = 0; i < all.found.size(); ++i) {
    if (!(all.found[i].score > min_score)) continue;
    some.found.push_back(all.found[i]);
    if (!all.masks.empty()) some.masks.push_back(all.masks[i]);
  }
  return some;
}

/// One run over all files.
class run {
 public:
  run(const finder& find, const std::vector<std::string>& files, const detect_options& how)
      : find_(find),
        files_(files),
        how_(how),
        drawing_{.min_score = how.min_score, .max_boxes = how.max_boxes, .font = how.font} {
    std::set<std::string> taken;
    for (const std::string& path : files) drawings_.push_back(output_name(path, taken));
  }

  /// What was given, and what people may have changed, is not replaced.
  void check_outputs() const {
    std::vector<std::string> outputs, names;
    for (const std::string& name : drawings_) {
      if (how_.draw) outputs.push_back(join_path(how_.output, name));
      names.push_back(std::filesystem::path(name).stem().string());
    }
    for (const detection_format format : how_.formats)
      for (std::string& path : detection_paths(format, how_.output, names)) {
        if (!how_.overwrite && !path.ends_with(".json") && !path.ends_with(".csv") && file_exists(path))
          fail(path, ": is there already; --overwrite replaces it");
        outputs.push_back(std::move(path));
      }
    refuse_to_replace(files_, outputs, "choose another --output");
  }

  detect_summary operator()() {
    for (at_ = 0; at_ < files_.size(); ++at_) {
      const std::string& path = files_[at_];
      try {
        is_video_name(path) ? detect_in_video(path) : detect_in_picture(path);
      } catch (const error& wrong) {
        if (!how_.skip_bad_images) throw;
        summary_.bad.push_back(wrong.what());
        out_.line(str("skipped: ", wrong.what()));
      }
      tell(str("image ", at_ + 1, " of ", files_.size()));
    }
    summary_.images = results_.size();
    for (const detection_format format : how_.formats) write_list(format);
    return summary_;
  }

 private:
  void detect_in_picture(const std::string& path) {
    image picture = read_upright(path);
    detect(picture, path, std::filesystem::path(drawings_[at_]).stem().string());
    if (how_.draw) write_image(join_path(how_.output, drawings_[at_]), picture);
  }

  void detect_in_video(const std::string& path) {
    video_reader video(path);
    std::optional<video_writer> drawn;
    if (how_.draw) drawn.emplace(join_path(how_.output, drawings_[at_]), video.frames_per_second(), path);
    const auto start = std::chrono::steady_clock::now();
    image frame;
    for (std::int64_t number = 1; video.next(frame); ++number) {
      detect(frame, str(path, ":", number),
             str(std::filesystem::path(drawings_[at_]).stem().string(), "-frame-", number));
      if (drawn) drawn->write(frame);
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      const double left = seconds / static_cast<double>(number) * static_cast<double>(video.frames() - number);
      tell(str(path, ": frame ", number,
               video.frames() > 0 ? str(" of ", video.frames(), ", ", human_duration(left), " left") : ""));
    }
    if (drawn) drawn->finish();
  }

  /// Finds, draws into the picture, and keeps the result.
  void detect(image& picture, std::string id, std::string name) {
    detections found = find_(picture);
    for (const detection& d : found) summary_.best_score = std::max(summary_.best_score, d.score);
    const auto shown = std::ranges::count_if(found, [&](const detection& d) { return d.score > how_.min_score; });
    summary_.boxes += static_cast<std::size_t>(std::min<std::ptrdiff_t>(shown, how_.max_boxes));
    const size2 size = picture.size();
    if (how_.draw) draw_detections(picture, found, find_.class_names(), drawing_);
    results_.push_back(make_result(std::move(id), size, std::move(found), how_.draw ? drawings_[at_] : std::string()));
    names_.push_back(std::move(name));
  }

  void write_list(detection_format format) const {
    if (format == detection_format::json)
      return write_detections(format, how_.output, names_, results_, find_.labels());
    std::vector<image_result> shown;
    for (const image_result& one : results_) shown.push_back(above(one, how_.min_score));
    write_detections(format, how_.output, names_, shown, find_.labels());
  }

  void tell(const std::string& line) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::seconds(out_.terminal() ? 0 : 10)) return;
    last_ = now;
    out_.status(line);
  }

  const finder& find_;
  const std::vector<std::string>& files_;
  const detect_options& how_;
  draw_options drawing_;
  std::vector<std::string> drawings_;  // of each file, its name in the output directory
  std::size_t at_ = 0;
  std::vector<image_result> results_;
  std::vector<std::string> names_;  // of each result, for a list of its own
  detect_summary summary_;
  console out_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

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
    if (is_remote(argument)) {
      for (const std::string& file : matching_files(join_path(glob_of(argument), "*")))
        if (is_picture_name(file)) files.push_back(file);
    } else {
      for (const auto& entry : std::filesystem::directory_iterator(argument))
        if ((entry.is_regular_file() || !entry.exists()) && is_picture_name(entry.path().string()))
          files.push_back(entry.path().string());
    }
    if (files.size() == before) fail(argument, ": this directory has no picture (", join(picture_endings, ", "), ")");
    std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end());
  }
  return files;
}

ODT_INLINE detect_summary detect_images(const finder& find, const std::vector<std::string>& files,
                                        const detect_options& how) {
  if ((is_picture_name(how.output) || is_video_name(how.output)) && !is_directory(how.output))
    fail(how.output,
         ": is the name of a picture; --output names a folder, in which each drawing has its picture's name");
  make_directories(how.output);
  if (!how.font.empty()) true_type(how.font);  // before any work
  detail::detecting::run run(find, files, how);
  run.check_outputs();
  return run();
}

}  // namespace odt
