// SPDX-License-Identifier: MIT
#pragma once

#include <odt/config/options.hpp>
#include <odt/core/error.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/record_set.hpp>
#include <odt/export/check_export.hpp>
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

/// Reads photos.json, runs the graph on each photo alone, writes found.json.
constexpr std::string_view tensorflow_script = R"python(
import json, os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
try:
    import numpy as np
    import tensorflow as tf
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)
folder, export = sys.argv[1:]
v1 = tf.compat.v1
definition = v1.GraphDef()
with open(os.path.join(export, "frozen_inference_graph.pb"), "rb") as f:
    definition.ParseFromString(f.read())
graph = tf.Graph()
with graph.as_default():
    v1.import_graph_def(definition, name="")
source = next(node.name for node in definition.node if node.op == "Placeholder")
names = ["detection_boxes", "detection_scores", "detection_classes", "num_detections"]

def given(pixels):
    if source == "image_tensor":
        return pixels[None].astype(graph.get_tensor_by_name("image_tensor:0").dtype.as_numpy_dtype)
    file = tf.io.encode_png(pixels).numpy()
    if source == "encoded_image_string_tensor":
        return [file]
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[file]))
    return [tf.train.Example(features=tf.train.Features(feature={"image/encoded": feature})).SerializeToString()]

with open(os.path.join(folder, "photos.json")) as f:
    photos = json.load(f)
inputs = [given(np.fromfile(os.path.join(folder, p["file"]), np.uint8).reshape(p["shape"])) for p in photos]
found = []
with v1.Session(graph=graph) as session:
    for photo in inputs:
        boxes, scores, classes, count = session.run([n + ":0" for n in names], {source + ":0": photo})
        n = int(count[0])
        found.append({"boxes": boxes[0, :n].tolist(), "scores": scores[0, :n].tolist(),
                      "classes": classes[0, :n].tolist()})
with open(os.path.join(folder, "found.json"), "w") as f:
    json.dump({"runner": "TensorFlow " + tf.__version__, "found": found}, f)
)python";

/// The same of model.onnx.
constexpr std::string_view onnx_script = R"python(
import json, os, sys
try:
    import numpy as np
    import onnxruntime
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)
folder, export = sys.argv[1:]
session = onnxruntime.InferenceSession(os.path.join(export, "model.onnx"), providers=["CPUExecutionProvider"])
names = ["detection_boxes", "detection_scores", "detection_classes", "num_detections"]
found = []
with open(os.path.join(folder, "photos.json")) as f:
    for photo in json.load(f):
        pixels = np.fromfile(os.path.join(folder, photo["file"]), np.uint8).reshape(photo["shape"])
        boxes, scores, classes, count = session.run(names, {"image_tensor": pixels[None]})
        n = int(count[0])
        found.append({"boxes": boxes[0, :n].tolist(), "scores": scores[0, :n].tolist(),
                      "classes": classes[0, :n].tolist()})
with open(os.path.join(folder, "found.json"), "w") as f:
    json.dump({"runner": "onnxruntime " + onnxruntime.__version__, "found": found}, f)
)python";

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

ODT_INLINE void write_photos(const scratch_folder& folder, std::span<const check_photo> photos) {
  auto list = nlohmann::json::array();
  for (std::size_t i = 0; i < photos.size(); ++i) {
    const image& p = photos[i].pixels;
    const std::string name = str(i, ".rgb");
    write_file(folder / name, {reinterpret_cast<const char*>(p.pixels.data()), p.pixels.size()});
    list.push_back({{"file", name}, {"shape", {p.height, p.width, 3}}});
  }
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

/// Whether a box ends at the lower or right border of its picture.
ODT_INLINE bool ends_at_border(const boxf& b) { return std::max(b.ymax, b.xmax) > 0.999f; }

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
  return format == export_format::onnx ? "onnxruntime" : "tensorflow";
}

ODT_INLINE check_report check_export(const ready_detector& detector, const std::string& directory, export_format format,
                                     std::span<const check_photo> photos, std::string_view python,
                                     const check_tolerance& tolerance) {
  using namespace detail::checking;
  const scratch_folder folder;
  write_photos(folder, photos);
  write_file(folder / "check.py", format == export_format::onnx ? onnx_script : tensorflow_script);
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
  for (std::size_t i = 0; i < photos.size(); ++i)
    compare_detections(photos[i], detector.model->detect(photos[i].pixels), detections_of(result.at("found")[i]),
                       tolerance, report);
  return report;
}

ODT_INLINE std::string describe(const check_report& report) {
  std::string text = str(report.runner, " agrees on ", counted(static_cast<std::int64_t>(report.photos), "photo"), ", ",
                         counted(static_cast<std::int64_t>(report.detections), "detection"), ": scores differ by ",
                         significant(report.score, 2), " at most, boxes by ", significant(report.box, 2));
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
