// SPDX-License-Identifier: MIT
// What the API exported detects here what it detected there.
#include "any_ssd.hpp"
#include "golden.hpp"
#include "scratch.hpp"

#include <odt/detect/finder.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

namespace {

const auto exported = odt::test::golden() / "models/export_ssd_mobilenet_v1";

odt::image photo(const std::string& file) {
  const odt::test::array pixels = odt::test::load_npy(exported / file);
  const std::size_t n = pixels.shape.size();
  odt::image result(static_cast<int>(pixels.shape[n - 3]), static_cast<int>(pixels.shape[n - 2]));
  result.pixels = pixels.as<std::uint8_t>();
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(frozen_graph_tests, *odt::test::needs(exported))

BOOST_AUTO_TEST_CASE(the_apis_own_exports_detect_what_they_did) {
  const std::vector<odt::detector_type> types{odt::test::any_ssd::type()};
  const auto number = [](const char* file) {
    return odt::test::load_npy(exported / ("frozen_other_" + std::string(file) + ".npy"));
  };
  const auto boxes = number("detection_boxes"), scores = number("detection_scores"),
             classes = number("detection_classes");
  for (const char* place : {"frozen_inference_graph.pb", "saved_model", "saved_model/saved_model.pb"}) {
    odt::model_source source;
    source.pipeline_config_path = exported / "pipeline.config";
    source.checkpoint = exported / place;
    const odt::ready_detector detector = odt::load_detector(types, source);
    const odt::detections found = odt::finder(detector, {})(photo("photo_other.npy"));
    BOOST_TEST_REQUIRE(found.size() == static_cast<std::size_t>(number("num_detections")[0]));
    for (std::size_t i = 0; i < found.size(); ++i) {
      BOOST_CHECK_SMALL(found[i].score - scores[i], 1e-5);
      BOOST_TEST(found[i].label + 1 == classes[i]);
      const odt::boxf& b = found[i].bounds;
      const float corners[] = {b.ymin, b.xmin, b.ymax, b.xmax};
      for (std::size_t k = 0; k < 4; ++k) BOOST_CHECK_SMALL(corners[k] - boxes[4 * i + k], 1e-4);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
