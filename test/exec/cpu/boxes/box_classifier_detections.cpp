// SPDX-License-Identifier: MIT
#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/exec/cpu/boxes/box_classifier_detections.hpp>
#include <odt/exec/cpu/boxes/proposals.hpp>

#include "two_stage.hpp"

#include <odt/core/random.hpp>

#include <string>

namespace {

namespace cpu = odt::cpu;
namespace test = odt::test;
using odt::boxf;

struct problem {
  int batch = 1, capacity = 0, classes = 0;
  bool shared_boxes = false;
  test::proposals_memory boxes{0, 0};
  std::vector<float> encodings, logits;
  std::vector<boxf> windows;

  odt::box_classifier_predictions view() const {
    return {batch, capacity, classes, shared_boxes, encodings.data(), logits.data()};
  }
  std::vector<odt::detections> run(const odt::post_processing_options& o, int threads = 1) {
    odt::thread_pool pool(threads);
    cpu::box_classifier_detection_workspace space(capacity, classes, threads);
    std::vector<odt::detections> out(3);
    cpu::post_process(pool, odt::faster_rcnn_box_coder{}, o, view(), boxes.view(), windows, space, out);
    return out;
  }
};

/// Scores of few values, so that many are equal; boxes that overlap, some beyond the window.
problem random_problem(std::uint64_t seed, int proposals, int classes, bool shared_boxes = false) {
  odt::random_stream random(seed);
  problem p;
  p.batch = 2, p.capacity = proposals, p.classes = classes, p.shared_boxes = shared_boxes;
  p.windows = {{0, 0, 100, 150}, {0, 0, 80, 90}};
  p.boxes = test::proposals_memory(2, proposals);
  p.boxes.counts = {proposals, proposals * 2 / 3};
  for (boxf& b : p.boxes.boxes) {
    const float y = random.uniform(0, 80), x = random.uniform(0, 120);
    b = {y, x, y + random.uniform(10, 60), x + random.uniform(10, 60)};
  }
  p.encodings.resize(static_cast<std::size_t>(2 * proposals * 4 * (shared_boxes ? 1 : classes)));
  p.logits.resize(static_cast<std::size_t>(2 * proposals * (1 + classes)));
  for (float& e : p.encodings) e = random.uniform(-3, 3);
  for (float& l : p.logits) l = static_cast<float>(random.integer(-12, 12)) / 4;
  return p;
}

/// By the API's way: every box decoded, class by class, then merged.
odt::detections class_by_class(const problem& p, const odt::post_processing_options& o, std::size_t image) {
  const auto count = static_cast<std::size_t>(p.boxes.counts[image]), columns = static_cast<std::size_t>(1 + p.classes);
  const std::size_t slots = p.shared_boxes ? 1 : columns - 1, first = image * static_cast<std::size_t>(p.capacity);
  std::vector<float> scores(count * columns);
  cpu::convert_scores(o, p.logits.data() + first * columns, count, columns, scores.data());
  std::vector<boxf> boxes;
  for (std::size_t i = 0; i < count * slots; ++i) {
    const float* code = p.encodings.data() + (first * slots + i) * 4;
    boxes.push_back(odt::faster_rcnn_box_coder{}.decode(std::array{code[0], code[1], code[2], code[3]},
                                                        p.boxes.boxes[first + i / slots]));
  }
  cpu::nms_workspace space;
  odt::detections out;
  cpu::multiclass_non_max_suppression({boxes.data(), scores.data() + 1, static_cast<int>(count), p.classes,
                                       static_cast<std::ptrdiff_t>(columns), static_cast<int>(slots)},
                                      o.suppression, p.windows[image], space, out);
  return out;
}

void check_same(const odt::detections& a, const odt::detections& b) {
  BOOST_REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    BOOST_TEST(a[i].score == b[i].score);
    BOOST_TEST(a[i].label == b[i].label);
    BOOST_TEST(a[i].anchor == b[i].anchor);
    BOOST_TEST((a[i].bounds == b[i].bounds));
  }
}

/// Scores, classes, proposals and boxes of all images one after the other.
struct flat_detections {
  std::vector<float> counts, scores, classes, proposals;
  std::vector<boxf> boxes;

  explicit flat_detections(const std::vector<odt::detections>& images) {
    for (const odt::detections& found : images) {
      counts.push_back(static_cast<float>(found.size()));
      for (const odt::detection& d : found) {
        boxes.push_back(d.bounds), scores.push_back(d.score);
        classes.push_back(static_cast<float>(d.label)), proposals.push_back(static_cast<float>(d.anchor));
      }
    }
  }
};

/// The same with zeros behind the last detection, as the API pads one image's.
flat_detections padded(flat_detections found, std::size_t count) {
  for (auto* numbers : {&found.scores, &found.classes, &found.proposals}) numbers->resize(count);
  found.boxes.resize(count);
  return found;
}

/// The whole detectors of golden/models that are there, but for one whose anchors are not stored whole.
std::vector<test::fs::path> full_cases() {
  std::vector<test::fs::path> found;
  for (const char* name :
       {"faster_rcnn_inception_v2", "faster_rcnn_nas", "faster_rcnn_resnet101", "faster_rcnn_resnet50",
        "mask_rcnn_inception_v2", "mask_rcnn_resnet50_atrous", "rfcn_resnet50"}) {
    const auto folder = test::golden() / "models" / (std::string("full_") + name);
    if (test::fs::exists(folder / "rpn_box_encodings.npy")) found.push_back(folder);
  }
  BOOST_REQUIRE(!found.empty());
  return found;
}

const test::fs::path full_case = odt::test::golden() / "models/full_faster_rcnn_resnet50";

}  // namespace

BOOST_AUTO_TEST_SUITE(box_classifier_detections_tests)

BOOST_AUTO_TEST_CASE(detections_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/detectors/faster_rcnn_detections")) {
  for (const auto& c : test::golden_cases("detectors/faster_rcnn_detections")) {
    const auto encodings = c.in("refined_box_encodings"), size = c.in("image_shape");
    problem p;
    p.capacity = c.params().at("max_num_proposals"), p.classes = c.params().at("num_classes");
    p.boxes = test::proposals_memory(1, p.capacity);
    p.boxes.counts = c.in("num_proposals").as<int>(), p.boxes.boxes = test::to_boxes(c.in("proposal_boxes"));
    p.batch = static_cast<int>(p.boxes.counts.size());
    p.shared_boxes = encodings.shape[1] == 1;
    p.encodings = encodings.as<float>(), p.logits = c.in("class_predictions_with_background").as<float>();
    p.windows.assign(p.boxes.counts.size(), {0, 0, static_cast<float>(size[0]), static_cast<float>(size[1])});
    odt::post_processing_options o;
    o.suppression.score_threshold = c.params().at("score_threshold");
    o.suppression.iou_threshold = c.params().at("iou_threshold");
    o.suppression.max_detections_per_class = c.params().at("max_detections_per_class");
    o.suppression.max_total_detections = c.params().at("max_total_detections");
    o.converter = odt::score_converter::softmax;
    const flat_detections found(p.run(o));
    test::check_close(found.counts, c.out("num_detections"), c, "counts");
    test::check_close(found.scores, c.out("detection_scores"), c, "scores");
    test::check_close(found.classes, c.out("detection_classes"), c, "classes");
    test::check_close(found.proposals, c.out("detection_anchor_indices"), c, "proposals");
    test::check_close(test::to_floats(found.boxes), c.out("detection_boxes"), c, "boxes");
  }
}

BOOST_AUTO_TEST_CASE(proposals_and_detections_of_whole_detectors_are_the_api_s, *odt::test::needs(full_case)) {
  odt::thread_pool pool(1);
  for (const test::fs::path& folder : full_cases()) {
    const auto load = [&](const std::string& name) { return test::load_npy(folder / (name + ".npy")); };
    const auto check = [&](std::span<const float> actual, const std::string& name, double rtol, double atol) {
      test::check_close(actual, load(name), rtol, atol, folder.filename().string() + " " + name);
    };
    const auto encodings = load("refined_box_encodings"), size = load("image_shape");
    const int height = static_cast<int>(size[1]), width = static_cast<int>(size[2]);
    problem p;
    p.capacity = static_cast<int>(encodings.shape[0]), p.classes = static_cast<int>(encodings.shape[1]);
    p.encodings = encodings.as<float>(), p.logits = load("class_predictions_with_background").as<float>();
    p.windows = {{0, 0, static_cast<float>(height), static_cast<float>(width)}};
    const auto anchors = odt::all_anchors(test::to_boxes(load("anchors")));
    const auto codes = load("rpn_box_encodings").as<float>();
    const auto objectness = load("rpn_objectness_predictions_with_background").as<float>();
    p.boxes = test::proposals_memory(1, p.capacity);
    cpu::proposal_workspace space(anchors.size(), 1);
    cpu::propose(pool, odt::faster_rcnn_box_coder{}, anchors, {}, {1, anchors.size(), codes.data(), objectness.data()},
                 {height, width}, p.windows, space, p.boxes.view());
    check(std::vector<float>(p.boxes.counts.begin(), p.boxes.counts.end()), "num_proposals", 0, 0);
    check(test::to_floats(p.boxes.boxes), "proposal_boxes", 1e-5, 2e-4);
    check(test::to_floats(p.boxes.normalized), "proposal_boxes_normalized", 1e-5, 1e-6);

    odt::post_processing_options o;
    o.suppression.max_detections_per_class = 10;
    o.suppression.max_total_detections = 20;
    o.converter = odt::score_converter::softmax;
    const flat_detections found = padded(flat_detections(p.run(o)), 20);
    check(found.counts, "num_detections", 0, 0);
    check(found.scores, "detection_scores", 2e-5, 0);
    check(found.classes, "detection_classes", 0, 0);
    check(found.proposals, "detection_anchor_indices", 0, 0);
    check(test::to_floats(found.boxes), "detection_boxes", 2e-5, 5e-6);
  }
}

BOOST_AUTO_TEST_CASE(going_down_all_scores_is_suppressing_class_by_class) {
  for (const bool shared_boxes : {false, true})
    for (const int total : {5, 60, 100000})
      for (const float threshold : {0.0f, 0.1f}) {
        odt::post_processing_options o;
        o.converter = odt::score_converter::softmax;
        o.suppression.score_threshold = threshold;
        o.suppression.max_detections_per_class = total == 60 ? 3 : std::min(total, 40);
        o.suppression.max_total_detections = total;
        problem p = random_problem(7, 70, 9, shared_boxes);
        const auto found = p.run(o);
        BOOST_REQUIRE(found.size() == 2);
        for (std::size_t image = 0; image < 2; ++image) check_same(found[image], class_by_class(p, o, image));
      }
}

BOOST_AUTO_TEST_CASE(other_suppressions_are_those_of_the_options) {
  odt::post_processing_options agnostic, soft;
  agnostic.converter = soft.converter = odt::score_converter::sigmoid;
  agnostic.suppression.use_class_agnostic_nms = true;
  soft.suppression.soft_nms_sigma = 0.5f;
  for (const auto& o : {agnostic, soft}) {
    problem p = random_problem(8, 40, 5);
    const auto found = p.run(o);
    for (std::size_t image = 0; image < 2; ++image) check_same(found[image], class_by_class(p, o, image));
  }
}

BOOST_AUTO_TEST_CASE(boxes_are_relative_to_the_window_whatever_the_options_say) {
  odt::post_processing_options o;
  o.converter = odt::score_converter::softmax;
  o.suppression.change_coordinate_frame = false;
  problem p = random_problem(9, 40, 5);
  for (const odt::detections& found : p.run(o)) {
    BOOST_TEST(!found.empty());
    for (const odt::detection& d : found) BOOST_TEST(std::max(d.bounds.ymax, d.bounds.xmax) <= 1.00001f);
  }
}

BOOST_AUTO_TEST_CASE(an_image_without_proposals_has_no_detections) {
  problem p = random_problem(10, 40, 5);
  p.boxes.counts = {0, 1};
  const auto found = p.run({});
  BOOST_TEST(found[0].empty());
  BOOST_TEST(!found[1].empty());
}

BOOST_AUTO_TEST_CASE(any_number_of_threads_gives_the_same_bits) {
  problem p = random_problem(11, 64, 20);
  odt::post_processing_options o;
  o.converter = odt::score_converter::softmax;
  const auto one = p.run(o), three = p.run(o, 3);
  for (std::size_t image = 0; image < 2; ++image) check_same(one[image], three[image]);
}

BOOST_AUTO_TEST_SUITE_END()
