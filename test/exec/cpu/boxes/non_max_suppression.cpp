// SPDX-License-Identifier: MIT
#include <odt/core/random.hpp>
#include <odt/exec/cpu/boxes/non_max_suppression.hpp>

#include <box_coders/golden_coder.hpp>

#include <cmath>
#include <limits>
#include <optional>

namespace {

namespace cpu = odt::cpu;
using odt::boxf;

struct scene {
  std::vector<boxf> boxes;
  std::vector<float> scores;
};

/// Boxes in clusters, with ties among the scores, some without area and some with their corners swapped.
scene random_scene(int count, std::uint64_t seed) {
  odt::random_stream random(seed);
  scene s;
  for (int i = 0; i < count; ++i) {
    const float y = 0.1f * static_cast<float>(random.integer(0, 10)),
                x = 0.1f * static_cast<float>(random.integer(0, 10));
    boxf b{y + random.uniform(0, .05f), x + random.uniform(0, .05f), y + random.uniform(.1f, .2f),
           x + random.uniform(.1f, .2f)};
    if (i % 31 == 0) b.ymax = b.ymin;
    if (i % 37 == 0) std::swap(b.xmin, b.xmax);
    s.boxes.push_back(b);
    s.scores.push_back(i % 3 ? random.uniform() : 0.01f * static_cast<float>(random.integer(0, 100)));
  }
  return s;
}

boxf upright(const boxf& b) {
  return {std::min(b.ymin, b.ymax), std::min(b.xmin, b.xmax), std::max(b.ymin, b.ymax), std::max(b.xmin, b.xmax)};
}

std::vector<int> plainly(const scene& s, float iou, float score, int limit) {
  std::vector<int> order, kept;
  for (int i = 0; i < static_cast<int>(s.boxes.size()); ++i)
    if (s.scores[static_cast<std::size_t>(i)] > score) order.push_back(i);
  std::ranges::stable_sort(order, std::ranges::greater{}, [&](int i) { return s.scores[static_cast<std::size_t>(i)]; });
  for (const int i : order) {
    if (static_cast<int>(kept.size()) == limit) break;
    const boxf b = upright(s.boxes[static_cast<std::size_t>(i)]);
    if (std::ranges::none_of(kept, [&](int k) {
          const boxf other = upright(s.boxes[static_cast<std::size_t>(k)]);
          return odt::area(b) > 0 && odt::area(other) > 0 && odt::iou(other, b) > iou;
        }))
      kept.push_back(i);
  }
  return kept;
}

constexpr float lowest = -std::numeric_limits<float>::infinity();

struct image_input {
  std::vector<boxf> boxes;
  std::vector<float> scores;
  int count, classes, per_row;

  cpu::scored_boxes view() const { return {boxes.data(), scores.data(), count, classes, classes, per_row}; }
};

image_input slice(const odt::test::array& boxes, const odt::test::array& scores, std::size_t image,
                  std::size_t images) {
  const auto all_boxes = odt::test::to_boxes(boxes);
  const auto all_scores = scores.as<float>();
  const std::size_t b = all_boxes.size() / images, s = all_scores.size() / images;
  const auto from = [image](const auto& all, std::size_t n) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(image * n);
    return std::vector(begin, begin + static_cast<std::ptrdiff_t>(n));
  };
  const auto rank = scores.shape.size();
  return {from(all_boxes, b), from(all_scores, s), static_cast<int>(scores.shape[rank - 2]),
          static_cast<int>(scores.shape[rank - 1]), static_cast<int>(boxes.shape[boxes.shape.size() - 2])};
}

odt::non_max_suppression_options read_options(const odt::test::json& p) {
  odt::non_max_suppression_options o;
  o.fields(o, [&p](std::string_view name, auto& member) {
    if (p.contains(name)) member = p.at(std::string(name)).get<std::remove_reference_t<decltype(member)>>();
  });
  return o;
}

struct columns {
  std::vector<float> boxes, scores, classes;

  void add(const odt::detections& found, std::size_t capacity) {
    for (std::size_t i = 0; i < capacity; ++i) {
      const odt::detection d = i < found.size() ? found[i] : odt::detection{{0, 0, 0, 0}, 0, 0};
      boxes.insert(boxes.end(), {d.bounds.ymin, d.bounds.xmin, d.bounds.ymax, d.bounds.xmax});
      scores.push_back(d.score);
      classes.push_back(static_cast<float>(d.label));
    }
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(non_max_suppression_tests)

BOOST_AUTO_TEST_CASE(selections_are_those_of_the_plain_algorithm) {
  cpu::nms_workspace space(10);
  for (const int count : {0, 1, 5, 63, 64, 200, 777})
    for (const float iou : {0.f, .3f, .6f, .99f, 1.f})
      for (const int limit : {0, 1, 10, 100, 1000})
        for (const float score : {lowest, .2f, .5f, 2.f}) {
          const scene s = random_scene(count, static_cast<std::uint64_t>(count) + 5);
          const auto selected = cpu::non_max_suppression(s.boxes, s.scores, iou, score, limit, space);
          const auto expected = plainly(s, iou, score, limit);
          BOOST_REQUIRE(std::ranges::equal(selected, expected));
        }
}

BOOST_AUTO_TEST_CASE(high_thresholds_find_what_lies_near_in_any_size) {
  cpu::nms_workspace space;
  for (const float size : {1e-6f, .01f, 1.f, 300.f, 1e6f}) {
    odt::random_stream random(3);
    scene s = random_scene(40, 4);
    for (int i = 0; i < 600; ++i) {  // from far apart to almost equal
      const boxf& b = s.boxes[static_cast<std::size_t>(i % 40)];
      const float far = std::exp2(-random.uniform(3, 20));
      const auto move = [&](float x) { return x + far * random.uniform(-.1f, .1f); };
      s.boxes.push_back({move(b.ymin), move(b.xmin), move(b.ymax), move(b.xmax)});
      s.scores.push_back(random.uniform());
    }
    for (boxf& b : s.boxes) b = {b.ymin * size, b.xmin * size, b.ymax * size, b.xmax * size};
    for (const float iou : {.79f, .81f, .9f, .95f, .99f, .999f, .9999f, 1.f, 1.5f})
      for (const int limit : {100, 1000})
        BOOST_TEST(std::ranges::equal(cpu::non_max_suppression(s.boxes, s.scores, iou, lowest, limit, space),
                                      plainly(s, iou, lowest, limit)));
  }
}

BOOST_AUTO_TEST_CASE(a_threshold_is_strict_and_ties_go_to_the_lower_index) {
  cpu::nms_workspace space;
  const std::vector<boxf> boxes{{0, 0, 1, 1}, {0, 0, 1, 2}, {0, 0, 1, 1}, {5, 5, 6, 6}};
  const std::vector<float> scores{.5f, .9f, .5f, .1f};
  const auto check = [&](float iou, float score, std::vector<int> expected) {
    BOOST_TEST(std::ranges::equal(cpu::non_max_suppression(boxes, scores, iou, score, 9, space), expected));
  };
  check(.5f, 0, {1, 0, 3});  // IoU is one half exactly: not above; the two equal boxes are
  check(.49f, 0, {1, 3});
  check(1, .1f, {1, 0, 2});  // a score on the threshold is out
  check(1, lowest, {1, 0, 2, 3});
}

BOOST_AUTO_TEST_CASE(soft_suppression_lowers_scores_by_overlap) {
  cpu::nms_workspace space;
  const std::vector<boxf> boxes{{0, 0, 1, 1}, {0, 0, 1, 1}, {0, 0, 2, 1}, {5, 5, 6, 6}};
  const std::vector<float> scores{.9f, .8f, .7f, .3f};
  const auto soft = cpu::soft_non_max_suppression(boxes, scores, .25f, .5f, 9, space);
  // The first lowers the second by exp(-1) to .294 and the third by exp(-1/4) to .545, which then lowers the second to
  // .229: below the threshold.
  BOOST_TEST(std::ranges::equal(soft.indices, std::vector{0, 2, 3}));
  BOOST_TEST(soft.scores[1] == .7f * std::exp(-.25f), boost::test_tools::tolerance(1e-6f));
}

BOOST_AUTO_TEST_CASE(box_lists_are_suppressed_as_the_api_does,
                     *odt::test::needs(odt::test::golden() / "units/box_list_ops/non_max_suppression")) {
  cpu::nms_workspace space;
  for (const auto& c : odt::test::golden_cases("box_list_ops/non_max_suppression")) {
    const auto boxes = odt::test::to_boxes(c.in("boxes"));
    const auto scores = c.in("scores").as<float>();
    std::vector<boxf> kept;
    for (const int i : cpu::non_max_suppression(boxes, scores, c.params().at("thresh").get<float>(), lowest,
                                                c.params().at("max_output_size").get<int>(), space))
      kept.push_back(boxes[static_cast<std::size_t>(i)]);
    odt::test::check_close(odt::test::to_floats(kept), c.out("boxes"), c);
  }
}

BOOST_AUTO_TEST_CASE(multiclass_is_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/post_processing/multiclass_nms")) {
  cpu::nms_workspace space;
  for (const auto& c : odt::test::golden_cases("post_processing/multiclass_nms")) {
    const auto& p = c.params();
    odt::non_max_suppression_options o;
    o.score_threshold = p.at("score_thresh").get<float>();
    o.iou_threshold = p.at("iou_thresh").get<float>();
    o.max_detections_per_class = p.at("max_size_per_class").get<int>();
    o.max_total_detections = p.at("max_total_size").get<int>();
    o.change_coordinate_frame = p.at("change_coordinate_frame").get<bool>();
    o.soft_nms_sigma = p.value("soft_nms_sigma", 0.0f);
    const image_input in = slice(c.in("boxes"), c.in("scores"), 0, 1);
    std::optional<boxf> window;
    if (c.has_in("clip_window")) window = odt::test::to_boxes(c.in("clip_window"))[0];
    odt::detections found;
    cpu::multiclass_non_max_suppression(in.view(), o, window, space, found);
    BOOST_TEST_CONTEXT(c.name()) BOOST_TEST(static_cast<double>(found.size()) == c.out("num_valid")[0]);
    columns out;
    out.add(found, c.out("scores").size());
    odt::test::check_close(out.boxes, c.out("boxes"), c, "boxes");
    odt::test::check_close(out.scores, c.out("scores"), c, "scores");
    odt::test::check_close(out.classes, c.out("classes"), c, "classes");
    if (c.has_out("index")) {
      std::vector<float> index;
      for (const auto& d : found)
        index.push_back(c.in("additional.index").as<float>()[static_cast<std::size_t>(d.anchor)]);
      odt::test::check_close(index, c.out("index"), c, "index");
    }
  }
}

BOOST_AUTO_TEST_CASE(batches_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/post_processing/batch_multiclass_nms")) {
  cpu::nms_workspace space;
  for (const auto& c : odt::test::golden_cases("post_processing/batch_multiclass_nms")) {
    const odt::non_max_suppression_options o = read_options(c.params());
    const auto boxes = c.in("boxes"), scores = c.in("scores");
    const auto images = static_cast<std::size_t>(boxes.shape[0]);
    columns out;
    std::vector<int> counts;
    for (std::size_t i = 0; i < images; ++i) {
      image_input in = slice(boxes, scores, i, images);
      if (c.has_in("num_valid_boxes")) in.count = static_cast<int>(c.in("num_valid_boxes")[i]);
      boxf window = cpu::enclosing_window(odt::test::to_boxes(boxes));
      if (c.has_in("clip_window")) {
        const auto windows = odt::test::to_boxes(c.in("clip_window"));
        window = windows[windows.size() > 1 ? i : 0];
      }
      odt::detections found;
      cpu::multiclass_non_max_suppression(in.view(), o, window, space, found);
      counts.push_back(static_cast<int>(found.size()));
      out.add(found, c.out("nmsed_scores").size() / images);
    }
    odt::test::check_close(counts, c.out("num_detections"), c, "count");
    odt::test::check_close(out.boxes, c.out("nmsed_boxes"), c, "boxes");
    odt::test::check_close(out.scores, c.out("nmsed_scores"), c, "scores");
    odt::test::check_close(out.classes, c.out("nmsed_classes"), c, "classes");
  }
}

BOOST_AUTO_TEST_SUITE_END()
