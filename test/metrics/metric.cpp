// SPDX-License-Identifier: MIT
#include <odt/metrics.hpp>

#include <boost/test/unit_test.hpp>

using namespace odt;

namespace {

struct conforming final : metric {
  static constexpr std::string_view name = "counting";
  explicit conforming(metric_settings) {}
  void add_image(std::string_view, const labels&, const detections&, size2) override { ++images; }
  metric_values evaluate() const override { return {{"images", images}}; }
  std::string report() const override { return {}; }
  int images = 0;
};

struct nameless final : metric {
  explicit nameless(metric_settings) {}
  void add_image(std::string_view, const labels&, const detections&, size2) override {}
  metric_values evaluate() const override { return {}; }
  std::string report() const override { return {}; }
};

static_assert(metric_policy<conforming> && metric_policy<coco_detection_metrics> &&
              metric_policy<pascal_voc_detection_metrics> && metric_policy<weighted_pascal_voc_detection_metrics>);
static_assert(!metric_policy<nameless> && !metric_policy<int>);

}  // namespace

BOOST_AUTO_TEST_SUITE(metric_tests)

BOOST_AUTO_TEST_CASE(coco_is_the_default_and_names_choose) {
  BOOST_TEST(make_metrics({}, {{"cat"}, false}).at(0)->evaluate().at(0).first == "DetectionBoxes_Precision/mAP");
  const std::vector<std::string> names = {"weighted_pascal_voc_detection_metrics", "pascal_voc_detection_metrics"};
  const auto chosen = make_metrics(names, {{"cat"}, false});
  BOOST_REQUIRE(chosen.size() == 2u);
  BOOST_TEST(chosen[0]->evaluate().at(0).first == "WeightedPascalBoxes_Precision/mAP@0.5IOU");
  BOOST_TEST(chosen[1]->evaluate().at(0).first == "PascalBoxes_Precision/mAP@0.5IOU");
}

BOOST_AUTO_TEST_CASE(other_sets_are_refused_by_name_with_what_there_is) {
  const std::vector<std::string> names = {"oid_V2_detection_metrics"};
  BOOST_CHECK_EXCEPTION(make_metrics(names, {}), error, [](const error& e) {
    const std::string text = e.what();
    return text.find("eval_config.metrics_set: \"oid_V2_detection_metrics\"") == 0 &&
           text.find("weighted_pascal_voc_detection_metrics") != std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(a_program_brings_its_own_set) {
  const std::vector<std::string> names = {"counting"};
  const auto chosen = choose_metrics<conforming, coco_detection_metrics>(names, {});
  chosen[0]->add_image("a", {}, {}, {1, 1});
  BOOST_TEST(chosen[0]->evaluate().at(0).second == 1);
}

BOOST_AUTO_TEST_SUITE_END()
