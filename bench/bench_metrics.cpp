// SPDX-License-Identifier: MIT
// COCO's metrics of a validation set as large as COCO's own: 5000 images, 36,000 boxes of 80 classes, 100 detections an
// image. Checks a small set against the definition first, then times add_image and evaluate, from arrays in memory to
// the twelve numbers. bench/compare_metrics.sh runs it beside pycocotools, on the data that `--write DIR` leaves.
#include "timing.hpp"

#include <odt/core/error.hpp>
#include <odt/core/random.hpp>
#include <odt/metrics/coco.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

using odt::boxf;
using json = nlohmann::ordered_json;

struct arguments {
  int images = 5000, classes = 80, detections = 100, repetitions = 9;
  std::string write;
};

struct picture {
  odt::size2 size;
  odt::labels truth;
  odt::detections found;
};

using data_set = std::vector<picture>;

/// A few classes are common, as in COCO.
int random_class(odt::random_stream& random, int classes) {
  const float u = random.uniform();
  return static_cast<int>(static_cast<float>(classes) * u * u);
}

/// Sides from 8 pixels to the whole image, as many small objects as large ones.
boxf random_box(odt::random_stream& random, odt::size2 size) {
  const auto side = [&](int pixels) {
    return std::exp(random.uniform(std::log(8.0f), std::log(static_cast<float>(pixels)))) / static_cast<float>(pixels);
  };
  const float h = side(size.height), w = side(size.width);
  const float y = random.uniform(0, 1 - h), x = random.uniform(0, 1 - w);
  return {y, x, y + h, x + w};
}

/// The box moved and stretched by about `spread` of its size.
boxf near(const boxf& b, odt::random_stream& random, float spread) {
  const float h = height(b) * spread, w = width(b) * spread;
  return {b.ymin + h * random.normal(), b.xmin + w * random.normal(), b.ymax + h * random.normal(),
          b.xmax + w * random.normal()};
}

/// Most images hold a few objects, some hold many: 7.2 on average.
int random_count(odt::random_stream& random) { return 1 + static_cast<int>(-6.7f * std::log(1 - random.uniform())); }

odt::labels random_truth(odt::random_stream& random, odt::size2 size, int classes) {
  odt::labels truth;
  const auto pixels = static_cast<float>(size.height * size.width);
  for (int count = random_count(random); count > 0; --count) {
    const bool again = !truth.classes.empty() && random.uniform() < 0.6f;  // the same things stand together
    truth.classes.push_back(again ? truth.classes.back() : random_class(random, classes));
    truth.boxes.push_back(random_box(random, size));
    truth.areas.push_back(area(truth.boxes.back()) * pixels * random.uniform(0.4f, 0.9f));
    truth.crowd.push_back(random.uniform() < 0.015f);
  }
  return truth;
}

/// Three tries at most objects, the first one the surest; boxes out of the blue for the rest.
odt::detections random_found(odt::random_stream& random, const picture& in, int classes, int count) {
  odt::detections found;
  for (int attempt = 0; attempt < 3; ++attempt)
    for (std::size_t i = 0; i < in.truth.size() && found.size() < static_cast<std::size_t>(count); ++i) {
      if (random.uniform() < 0.2f) continue;
      const bool mistaken = random.uniform() < 0.15f;
      const float sure = random.uniform() / static_cast<float>(1 + 2 * attempt);
      found.push_back({near(in.truth.boxes[i], random, random.uniform(0.01f, 0.2f)),
                       mistaken ? random_class(random, classes) : in.truth.classes[i], sure});
    }
  while (found.size() < static_cast<std::size_t>(count)) {
    const float sure = random.uniform() * random.uniform();
    found.push_back({random_box(random, in.size), random_class(random, classes), 0.3f * sure});
  }
  std::ranges::stable_sort(found, std::greater{}, &odt::detection::score);
  return found;
}

data_set random_images(const arguments& a) {
  static constexpr odt::size2 sizes[] = {{480, 640}, {640, 480}, {427, 640}, {375, 500}};
  data_set images(static_cast<std::size_t>(a.images));
  for (std::size_t i = 0; i < images.size(); ++i) {
    odt::random_stream random(7, i);
    images[i].size = sizes[random.integer(0, 4)];
    images[i].truth = random_truth(random, images[i].size, a.classes);
    images[i].found = random_found(random, images[i], a.classes, a.detections);
  }
  return images;
}

struct pixel_box {
  double x, y, width, height;
};

/// What COCO's files hold: corner and size, in float32.
pixel_box to_pixels(const boxf& b, odt::size2 size) {
  const auto h = static_cast<float>(size.height), w = static_cast<float>(size.width);
  return {b.xmin * w, b.ymin * h, b.xmax * w - b.xmin * w, b.ymax * h - b.ymin * h};
}

double overlap(const pixel_box& found, const pixel_box& truth, bool crowd) {
  const double w = std::min(found.x + found.width, truth.x + truth.width) - std::max(found.x, truth.x);
  const double h = std::min(found.y + found.height, truth.y + truth.height) - std::max(found.y, truth.y);
  if (w <= 0 || h <= 0) return 0;
  const double own = found.width * found.height;
  return w * h / (crowd ? own : own + truth.width * truth.height - w * h);
}

struct setting {
  int label;
  double threshold, smallest, largest;
  std::size_t limit;

  bool leaves_out(double area) const { return area < smallest || area > largest; }
};

/// All images' counted detections of one setting, and how much there was to find.
struct verdicts {
  std::vector<std::pair<float, bool>> right;  // score, and whether it is
  int expected = 0;
};

void judge(const picture& in, const setting& s, verdicts& out) {
  struct object {
    pixel_box bounds;
    bool crowd, ignored, taken;
  };
  std::vector<object> objects;
  for (std::size_t i = 0; i < in.truth.size(); ++i) {
    if (in.truth.classes[i] != s.label) continue;
    const bool crowd = in.truth.crowd[i] != 0, ignored = crowd || s.leaves_out(in.truth.areas[i]);
    objects.push_back({to_pixels(in.truth.boxes[i], in.size), crowd, ignored, false});
    out.expected += !ignored;
  }
  std::ranges::stable_partition(objects, [](const object& o) { return !o.ignored; });
  std::size_t rank = 0;
  for (const odt::detection& d : in.found) {  // by falling score
    if (d.label != s.label || rank++ >= s.limit) continue;
    const pixel_box bounds = to_pixels(d.bounds, in.size);
    object* best = nullptr;
    double most = s.threshold;
    for (object& o : objects) {
      if (best && !best->ignored && o.ignored) break;
      const double shared = overlap(bounds, o.bounds, o.crowd);
      if ((!o.taken || o.crowd) && shared >= most) most = shared, best = &o;
    }
    if (best) best->taken = true;
    const bool ignored = best ? best->ignored : s.leaves_out(bounds.width * bounds.height);
    if (!ignored) out.right.emplace_back(d.score, best != nullptr);
  }
}

/// Mean precision over 101 recalls, and the recall that is reached; false where there is nothing to find.
bool evaluate(const data_set& images, const setting& s, double& precision, double& recall) {
  verdicts all;
  for (const picture& in : images) judge(in, s, all);
  if (all.expected == 0) return false;
  std::ranges::stable_sort(all.right, std::greater{}, &std::pair<float, bool>::first);
  std::vector<double> precisions, recalls;
  double right = 0;
  for (const auto& [score, hit] : all.right) {
    right += hit;
    precisions.push_back(right / static_cast<double>(precisions.size() + 1));
    recalls.push_back(right / all.expected);
  }
  recall = recalls.empty() ? 0 : recalls.back();
  precision = 0;
  for (int r = 0; r <= 100; ++r) {
    double best = 0;
    for (std::size_t i = 0; i < recalls.size(); ++i)
      if (recalls[i] >= r * 0.01) best = std::max(best, precisions[i]);
    precision += best / 101;
  }
  return true;
}

/// The twelve numbers of a small set.
odt::coco_summary reference(const data_set& images, int classes) {
  static constexpr double areas[4][2] = {{0, 1e10}, {0, 32 * 32}, {32 * 32, 96 * 96}, {96 * 96, 1e10}};
  std::array<double, 12> sums{}, counts{};
  const auto add = [&](std::size_t number, double value) { sums[number] += value, ++counts[number]; };
  double precision, recall;
  for (int label = 0; label < classes; ++label)
    for (int t = 0; t < 10; ++t)
      for (std::size_t a = 0; a < 4; ++a) {
        const setting all{label, 0.5 + 0.05 * t, areas[a][0], areas[a][1], 100};
        if (!evaluate(images, all, precision, recall)) continue;
        add(a == 0 ? 0 : 2 + a, precision);
        if (a == 0 && t % 5 == 0) add(t == 0 ? 1 : 2, precision);
        add(8 + a, recall);
        for (std::size_t cut = 0; a == 0 && cut < 2; ++cut) {
          const setting few{label, all.threshold, all.smallest, all.largest, cut == 0 ? 1u : 10u};
          evaluate(images, few, precision, recall);
          add(6 + cut, recall);
        }
      }
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = counts[i] > 0 ? sums[i] / counts[i] : -1;
  return sums;
}

struct timing {
  double add, evaluate;
  double total() const { return add + evaluate; }
};

timing run(const data_set& images, int classes, odt::coco_summary& summary) {
  const std::vector<std::string> names(static_cast<std::size_t>(classes), "class");
  odt::coco_detection_metrics metrics({names, false});
  timing t;
  t.add = odt::bench::seconds([&] {
    for (const picture& in : images) metrics.add_image("", in.truth, in.found, in.size);
  });
  t.evaluate = odt::bench::seconds([&] {
    const odt::metric_values values = metrics.evaluate();
    for (std::size_t i = 0; i < summary.size(); ++i) summary[i] = values[i].second;
  });
  return t;
}

/// A small set with many objects of each class.
void check() {
  arguments small;
  small.images = 60, small.classes = 5;
  const data_set images = random_images(small);
  const odt::coco_summary expected = reference(images, small.classes);
  odt::coco_summary summary;
  run(images, small.classes, summary);
  for (std::size_t i = 0; i < summary.size(); ++i)
    if (!(std::abs(summary[i] - expected[i]) < 1e-9))
      odt::fail("number ", i, " is ", summary[i], ", by the definition ", expected[i]);
}

void write(const data_set& images, const arguments& a) {
  json truth{{"images", json::array()}, {"annotations", json::array()}, {"categories", json::array()}};
  json found = json::array();
  for (int c = 1; c <= a.classes; ++c) truth["categories"].push_back({{"id", c}, {"name", std::to_string(c)}});
  const auto bbox = [](const boxf& b, odt::size2 size) {
    const pixel_box p = to_pixels(b, size);
    return json::array({p.x, p.y, p.width, p.height});
  };
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto& [size, objects, detections] = images[i];
    truth["images"].push_back({{"id", i + 1}, {"height", size.height}, {"width", size.width}});
    for (std::size_t k = 0; k < objects.size(); ++k)
      truth["annotations"].push_back({{"id", truth["annotations"].size() + 1},
                                      {"image_id", i + 1},
                                      {"category_id", objects.classes[k] + 1},
                                      {"bbox", bbox(objects.boxes[k], size)},
                                      {"area", double{objects.areas[k]}},
                                      {"iscrowd", int{objects.crowd[k]}}});
    for (const odt::detection& d : detections)
      found.push_back({{"image_id", i + 1},
                       {"category_id", d.label + 1},
                       {"bbox", bbox(d.bounds, size)},
                       {"score", double{d.score}}});
  }
  std::filesystem::create_directories(a.write);
  std::ofstream(a.write + "/truth.json") << truth;
  std::ofstream(a.write + "/detections.json") << found;
}

void report(const data_set& images, const arguments& a) {
  std::vector<timing> times;
  odt::coco_summary summary{};
  for (int i = 0; i < a.repetitions; ++i) times.push_back(run(images, a.classes, summary));
  std::ranges::sort(times, {}, &timing::total);
  std::size_t boxes = 0;
  for (const picture& in : images) boxes += in.truth.size();
  const timing& median = times[times.size() / 2];
  const json line{{"program", "odt"},
                  {"images", a.images},
                  {"boxes", boxes},
                  {"classes", a.classes},
                  {"detections", a.images * a.detections},
                  {"seconds", median.total()},
                  {"add_s", median.add},
                  {"evaluate_s", median.evaluate},
                  {"min_seconds", times.front().total()},
                  {"summary", summary}};
  std::puts(line.dump().c_str());
}

}  // namespace

int main(int argc, char** argv) try {
  arguments a;
  CLI::App app{"Times COCO's metrics on random data; the result is a line of JSON."};
  app.add_option("--images", a.images)->check(CLI::PositiveNumber);
  app.add_option("--classes", a.classes)->check(CLI::PositiveNumber);
  app.add_option("--detections", a.detections, "an image")->check(CLI::PositiveNumber);
  app.add_option("--repetitions", a.repetitions)->check(CLI::PositiveNumber);
  app.add_option("--write", a.write, "only leave the data here: truth.json and detections.json");
  CLI11_PARSE(app, argc, argv);

  if (a.write.empty()) check();
  const data_set images = random_images(a);
  a.write.empty() ? report(images, a) : write(images, a);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_metrics: %s\n", e.what());
  return 1;
}
