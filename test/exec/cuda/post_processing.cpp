// SPDX-License-Identifier: MIT
#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/box_coders/mean_stddev.hpp>
#include <odt/exec/cpu/boxes/post_processing.hpp>
#include <odt/exec/cuda/boxes/post_processing.hpp>

#include "exec/cuda/boxes.hpp"
#include "exec/cuda/device.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <limits>

namespace odt {
inline std::ostream& operator<<(std::ostream& out, score_converter c) { return out << static_cast<int>(c); }
inline std::ostream& operator<<(std::ostream& out, calibration_kind k) { return out << static_cast<int>(k); }
inline std::ostream& operator<<(std::ostream& out, const detection& d) {
  return out << d.label << " of anchor " << d.anchor << " scores " << d.score << " at " << d.bounds.ymin << ' '
             << d.bounds.xmin << ' ' << d.bounds.ymax << ' ' << d.bounds.xmax;
}
}  // namespace odt

namespace odt::test {
namespace {

namespace data = boost::unit_test::data;

constexpr float infinity = std::numeric_limits<float>::infinity();

/// What the scores and boxes of a batch are like.
enum class scene { random, clustered, tied, odd };
std::ostream& operator<<(std::ostream& out, scene s) { return out << static_cast<int>(s); }

boxf random_box(random_stream& random, scene kind) {
  const bool in_clusters = kind != scene::random;
  const auto corner = [&] {
    return in_clusters ? 0.2f * static_cast<float>(random.integer(-1, 5)) + random.uniform(0, .04f)
                       : random.uniform(-.1f, .9f);
  };
  const float y = corner(), x = corner();
  return {y, x, y + random.uniform(.1f, .3f), x + random.uniform(.1f, .3f)};
}

float random_score(random_stream& random, scene kind) {
  if (kind == scene::tied) return 0.25f * static_cast<float>(random.integer(0, 4));
  const float score = random.uniform();
  return kind == scene::random ? score : score * score * score * score;
}

/// Swapped corners, boxes without an area or of none, scores that are none, negative or without bounds.
void make_odd(boxf& b, float& score, random_stream& random) {
  switch (random.integer(0, 12)) {
    case 0:
      std::swap(b.ymin, b.ymax);
      break;
    case 1:
      b.xmax = b.xmin;
      break;
    case 2:
      b.ymin = NAN;
      break;
    case 3:
      b.xmax = infinity;
      break;
    case 4:
      score = NAN;
      break;
    case 5:
      score = infinity;
      break;
    case 6:
      score = -infinity;
      break;
    case 7:
      score = -score;
      break;
    case 8:
      score = -0.0f;
      break;
    default:
      break;
  }
}

struct scored_images {
  int batch, anchors, classes;
  std::vector<boxf> boxes, windows;
  std::vector<float> scores;  ///< [batch, classes, anchors]

  scored_images(scene kind, int images, int count, int labels, std::uint64_t seed)
      : batch(images), anchors(count), classes(labels) {
    random_stream random(seed);
    boxes.resize(static_cast<std::size_t>(batch * anchors));
    scores.resize(boxes.size() * static_cast<std::size_t>(classes));
    for (boxf& b : boxes) b = random_box(random, kind);
    for (float& s : scores) s = random_score(random, kind);
    if (kind == scene::odd)
      for (std::size_t i = 0; i < scores.size(); ++i) make_odd(boxes[i % boxes.size()], scores[i], random);
    for (int i = 0; i < batch; ++i)
      windows.push_back(i % 2 == 0 ? boxf{0, 0, 1, 1} : boxf{0, 0, random.uniform(.3f, .9f), random.uniform(.3f, .9f)});
  }
};

/// What the CPU selects of the very boxes and scores.
std::vector<detections> expected_of(const scored_images& in, const non_max_suppression_options& options) {
  odt::cpu::nms_workspace space;
  std::vector<detections> all(static_cast<std::size_t>(in.batch));
  const auto anchors = static_cast<std::size_t>(in.anchors), classes = static_cast<std::size_t>(in.classes);
  for (std::size_t image = 0; image < all.size(); ++image) {
    std::vector<float> rows(anchors * classes);
    for (std::size_t c = 0; c < classes; ++c)
      for (std::size_t a = 0; a < anchors; ++a) rows[a * classes + c] = in.scores[(image * classes + c) * anchors + a];
    odt::cpu::multiclass_non_max_suppression(
        {in.boxes.data() + image * anchors, rows.data(), in.anchors, in.classes, in.classes}, options,
        in.windows[image], space, all[image]);
  }
  return all;
}

std::vector<detections> found_of(const scored_images& in, const non_max_suppression_options& options) {
  const auto boxes = copied(in.boxes), windows = copied(in.windows);
  const auto scores = copied(in.scores);
  const auto scratch = scratch_of(cuda::nms_scratch_bytes(options, in.batch, in.anchors, in.classes));
  cuda::detection_buffers buffers;
  int generation = 0;
  buffers.reserve(in.batch, cuda::nms_lists(options, in.anchors, in.classes).total, generation);
  cuda::multiclass_non_max_suppression(nullptr, options,
                                       {in.batch, in.anchors, in.classes, boxes.data(), scores.data(), windows.data()},
                                       scratch.data(), buffers.on_device());
  buffers.download(nullptr);
  cuda::check(cudaDeviceSynchronize(), "multiclass_non_max_suppression");
  return buffers.found();
}

void check_same(const std::vector<detections>& found, const std::vector<detections>& expected) {
  BOOST_REQUIRE_EQUAL(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    BOOST_REQUIRE_EQUAL(found[i].size(), expected[i].size());
    for (std::size_t k = 0; k < found[i].size(); ++k) {
      const detection &f = found[i][k], &e = expected[i][k];
      const bool same = f.bounds == e.bounds && f.label == e.label && f.score == e.score && f.anchor == e.anchor;
      BOOST_REQUIRE_MESSAGE(same, "image " << i << ", detection " << k << ": " << f << ", expected " << e);
    }
  }
}

std::size_t count_of(const std::vector<detections>& all) {
  std::size_t count = 0;
  for (const detections& d : all) count += d.size();
  return count;
}

BOOST_AUTO_TEST_SUITE(cuda_post_processing, *needs_gpu())

const std::vector<int> anchor_counts = emulated ? std::vector{1, 37, 700} : std::vector{1, 37, 256, 257, 1917, 8732};
const auto scenes = data::make({scene::random, scene::clustered, scene::tied, scene::odd});
constexpr int images = emulated ? 2 : 5, labels = emulated ? 3 : 20;

BOOST_DATA_TEST_CASE(selects_what_the_cpu_selects, data::make(anchor_counts) * scenes, anchors, kind) {
  const scored_images in(kind, images, anchors, labels, 7);
  const auto compare = [&in](float score, float iou, int per_class, int total, bool agnostic = false,
                             bool frame = true) {
    non_max_suppression_options o;
    o.score_threshold = score, o.iou_threshold = iou;
    o.max_detections_per_class = per_class, o.max_total_detections = total;
    o.use_class_agnostic_nms = agnostic, o.change_coordinate_frame = frame;
    BOOST_TEST_CONTEXT("above " << score << ", IoU " << iou << ", " << per_class << " a class, " << total << " in all"
                                << (agnostic ? ", class-agnostic" : ""))
    check_same(found_of(in, o), expected_of(in, o));
  };
  compare(1e-8f, .6f, 100, 100);
  compare(.3f, .6f, 100, 100);
  compare(.3f, .6f, 100, 100, true);
  compare(-infinity, .3f, 9999, 9999, true, false);
  compare(-infinity, .9f, 9999, 99999, false, false);
  compare(0, 0, 40, 100);
  compare(.1f, 1, 300, 500);
  compare(.1f, .5f, 1, 1);
  compare(.1f, .5f, 20, 1, true);
  compare(.1f, .5f, 0, 10);
  compare(.1f, .5f, 10, 0);
}

BOOST_AUTO_TEST_CASE(scores_on_the_threshold_are_out) {
  const scored_images in(scene::tied, 2, 37, 3, 7);
  non_max_suppression_options o;
  o.score_threshold = .75f;
  BOOST_TEST(count_of(found_of(in, o)) == 0u);
  o.score_threshold = .5f;
  BOOST_TEST(count_of(found_of(in, o)) > 0u);
}

detection_problem random_problem(int anchors, int columns, bool background, float codes_up_to) {
  random_stream random(3);
  detection_problem p{3, columns, background, {}, {{0, 0, 1, 1}, {0, 0, .5f, 1}, {0, 0, 1, .75f}}, {}, {}};
  for (int a = 0; a < anchors; ++a) p.anchors.push_back(random_box(random, scene::clustered));
  for (int i = 0; i < p.batch * anchors * 4; ++i) p.encodings.push_back(random.uniform(-codes_up_to, codes_up_to));
  for (int i = 0; i < p.batch * anchors * columns; ++i) p.logits.push_back(random.uniform(-4, 4));
  return p;
}

/// The CPU's detections, and the scores [batch, anchors, columns] and boxes that they come from.
struct cpu_results {
  std::vector<boxf> boxes;
  std::vector<float> scores;
  std::vector<detections> found;

  template <class BoxCoder>
  cpu_results(const BoxCoder& coder, const post_processing_options& o, const detection_problem& p) {
    const std::size_t count = p.anchors.size(), rows = static_cast<std::size_t>(p.batch) * count;
    boxes.resize(rows), scores.resize(p.logits.size());
    for (std::size_t first = 0; first < rows; first += count)
      odt::cpu::decode_boxes(coder, p.encodings.data() + first * BoxCoder::code_size, p.anchors, boxes.data() + first);
    odt::cpu::convert_scores(o, p.logits.data(), rows, static_cast<std::size_t>(p.columns), scores.data());
    thread_pool pool(1);
    odt::cpu::post_processing_workspace space(static_cast<int>(count), p.columns, 1);
    odt::cpu::post_process(
        pool, coder, p.anchors, o,
        {p.batch, static_cast<int>(count), p.columns, p.encodings.data(), p.logits.data(), p.has_background}, p.windows,
        space, found);
  }
};

/// Largest difference of the boxes' corners and of the scores of what are classes.
double difference(const detection_problem& p, const detection_results& actual, const cpu_results& expected) {
  double worst = 0;
  const auto note = [&worst](float a, float b) {
    const double d = std::abs(static_cast<double>(a) - static_cast<double>(b));
    if (!(d <= worst)) worst = d;
  };
  for (std::size_t i = 0; i < actual.boxes.size(); ++i) {
    const boxf &a = actual.boxes[i], &e = expected.boxes[i];
    note(a.ymin, e.ymin), note(a.xmin, e.xmin), note(a.ymax, e.ymax), note(a.xmax, e.xmax);
  }
  const std::size_t anchors = p.anchors.size();
  const auto columns = static_cast<std::size_t>(p.columns), classes = static_cast<std::size_t>(p.classes());
  for (std::size_t i = 0; i < actual.scores.size(); ++i) {
    const std::size_t image = i / anchors / classes, label = i / anchors % classes, anchor = i % anchors;
    note(actual.scores[i], expected.scores[(image * anchors + anchor) * columns + columns - classes + label]);
  }
  return worst;
}

BOOST_DATA_TEST_CASE(whole_batches_without_exponentials_agree_exactly,
                     data::make({1, 31, 300}) ^ data::make({2, 34, 91}), anchors, columns) {
  const detection_problem p = random_problem(anchors, columns, columns % 2 == 1, 4);
  post_processing_options o;
  o.logit_scale = 3;
  const detection_results actual = post_process_on_gpu(mean_stddev_box_coder{}, o, p);
  const cpu_results expected(mean_stddev_box_coder{}, o, p);
  BOOST_TEST(difference(p, actual, expected) == 0.0);
  BOOST_TEST(count_of(expected.found) > 0u);
  check_same(actual.found, expected.found);
}

BOOST_DATA_TEST_CASE(scores_and_boxes_are_the_cpus,
                     data::make({score_converter::sigmoid, score_converter::softmax}) * data::make({false, true}),
                     converter, background) {
  const detection_problem p = random_problem(70, 40, background, 4);
  post_processing_options o;
  o.converter = converter, o.logit_scale = .5f;
  o.suppression.score_threshold = .1f;
  const detection_results actual = post_process_on_gpu(faster_rcnn_box_coder{}, o, p);
  BOOST_TEST(difference(p, actual, cpu_results(faster_rcnn_box_coder{}, o, p)) <= 2e-6);
  scored_images same(scene::random, p.batch, 70, p.classes(), 1);
  same.boxes = actual.boxes, same.scores = actual.scores, same.windows = p.windows;
  check_same(actual.found, expected_of(same, o.suppression));
}

/// Of four columns, for which a calibration by class has a function, none, one point, and a sharp bend.
calibration_options calibrated(calibration_kind kind, bool by_class) {
  switch (kind) {
    case calibration_kind::temperature:
      return {kind, false, {{2.5f, 0}}, {0, 1}};
    case calibration_kind::sigmoid:
      return by_class ? calibration_options{kind, true, {{-1, 0}, {-7, 3}}, {0, 1, 1, 2}}
                      : calibration_options{kind, false, {{-4, 1.5f}}, {0, 1}};
    default:
      return by_class ? calibration_options{kind,
                                            true,
                                            {{-1, 0}, {1, .5f}, {.25f, .7f}, {-4, .1f}, {.5f, .2f}, {.500001f, .9f}},
                                            {0, 2, 2, 3, 6}}
                      : calibration_options{kind, false, {{-3, .1f}, {-.5f, .3f}, {.75f, .31f}, {3, 1}}, {0, 4}};
  }
}

/// Sigmoids alone may round otherwise.
BOOST_DATA_TEST_CASE(calibrated_scores_are_the_cpus,
                     data::make({calibration_kind::interpolation, calibration_kind::sigmoid,
                                 calibration_kind::temperature}) *
                         data::make({false, true}) * data::make({false, true}),
                     kind, by_class, background) {
  const detection_problem p = random_problem(70, 4, background, 4);
  post_processing_options o;
  o.suppression.score_threshold = .1f;
  const cpu_results plain(mean_stddev_box_coder{}, o, p);
  o.calibration = calibrated(kind, by_class);
  const detection_results actual = post_process_on_gpu(mean_stddev_box_coder{}, o, p);
  const cpu_results expected(mean_stddev_box_coder{}, o, p);
  BOOST_TEST((expected.scores != plain.scores));
  BOOST_TEST(difference(p, actual, expected) <= (kind == calibration_kind::sigmoid ? 2e-6 : 0));
  scored_images same(scene::random, p.batch, 70, p.classes(), 1);
  same.boxes = actual.boxes, same.scores = actual.scores, same.windows = p.windows;
  check_same(actual.found, expected_of(same, o.suppression));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
