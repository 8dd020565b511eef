// SPDX-License-Identifier: MIT
// The two halves of a classifier under the API's two-stage detectors: every variable, every operation, and, with the
// fixtures' formula weights, what the layers give for a photo.
#include "models/model_case.hpp"

#include <odt/exec/cpu/runner.hpp>
#include <odt/feature_extractors/faster_rcnn_inception_resnet_v2.hpp>
#include <odt/feature_extractors/faster_rcnn_inception_v2.hpp>
#include <odt/feature_extractors/faster_rcnn_resnet_v1.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <fstream>
#include <functional>
#include <ostream>
#include <sstream>

namespace test = odt::test;
namespace data = boost::unit_test::data;

namespace two_stage_cases {

/// A network with both halves of an extractor: the second reads `crops` of the first's map, or the map itself.
struct halves {
  odt::network first, second;
  int map = 0;
};

/// A list of variables or a folder of outputs, and what has to agree with it.
struct two_stage_case {
  std::string name;
  std::function<halves()> build;
  odt::size2 crops{7, 7};

  friend std::ostream& operator<<(std::ostream& out, const two_stage_case& c) { return out << c.name; }
};

template <class Extractor>
std::function<halves()> with(int stride) {
  return [stride] {
    const Extractor extractor({.first_stage_features_stride = stride});
    halves h;
    h.map = extractor.build_proposal_features(h.first, 0);
    h.second.layers[0].channels = h.first.channels(h.map);
    extractor.build_classifier_features(h.second, 0);
    return h;
  };
}

const auto resnet50 = with<odt::faster_rcnn_resnet50>(16), atrous50 = with<odt::faster_rcnn_resnet50>(8),
           resnet101 = with<odt::faster_rcnn_resnet101>(16), atrous101 = with<odt::faster_rcnn_resnet101>(8),
           resnet152 = with<odt::faster_rcnn_resnet152>(16), inception = with<odt::faster_rcnn_inception_v2>(16),
           inception_resnet = with<odt::faster_rcnn_inception_resnet_v2>(8);

const std::vector<two_stage_case> lists{
    {"faster_rcnn_resnet50_coco", resnet50},
    {"faster_rcnn_resnet101_coco", resnet101},
    {"faster_rcnn_resnet101_pets", resnet101},
    {"faster_rcnn_resnet152_coco", resnet152},
    {"faster_rcnn_inception_v2_pets", inception},
    {"faster_rcnn_inception_resnet_v2_atrous_coco", inception_resnet},
    {"mask_rcnn_inception_v2_coco", inception},
    {"mask_rcnn_resnet50_atrous_coco", atrous50},
    {"mask_rcnn_resnet101_atrous_coco", atrous101},
    {"mask_rcnn_inception_resnet_v2_atrous_coco", inception_resnet},
    {"rfcn_resnet50_coco", resnet50},
    {"rfcn_resnet101_coco", resnet101},
};

/// Cases of whole networks that are there; R-FCN's second half reads the map, of 256x256.
std::vector<two_stage_case> outputs() {
  std::vector<two_stage_case> all{
      {"full_faster_rcnn_resnet50", resnet50},
      {"full_faster_rcnn_resnet101", resnet101},
      {"full_faster_rcnn_inception_v2", inception},
      {"full_faster_rcnn_inception_resnet_v2_atrous", inception_resnet, {17, 17}},
      {"full_mask_rcnn_resnet50_atrous", atrous50},
      {"full_mask_rcnn_inception_v2", inception},
      {"full_rfcn_resnet50", resnet50, {16, 16}},
  };
  std::erase_if(all, [](const two_stage_case& c) { return test::present_cases({c.name}).empty(); });
  return all;
}

bool starts_with(std::string_view name, std::string_view scope) {
  return name.starts_with(scope) && name.substr(scope.size()).starts_with('/');
}

odt::size2 image_size(const test::fs::path& folder) {
  const auto shape = test::load_json(folder / "preprocessed.json")[0]["shape"];
  return {shape[1], shape[2]};
}

/// A layer's number by its operation's name: a convolution with biases goes by the addition of these.
int layer_of(const odt::network& net, std::string name) {
  if (name.ends_with("/BiasAdd")) name = name.substr(0, name.rfind('/')) + "/Conv2D";
  for (int i = 0; i < net.size(); ++i)
    if (net[i].name == name) return i;
  return -1;
}

}  // namespace two_stage_cases

using namespace two_stage_cases;

BOOST_AUTO_TEST_SUITE(two_stage_extractors_tests, *test::needs(test::models()))

BOOST_DATA_TEST_CASE(variables_are_those_of_the_api_in_its_order, data::make(lists)) {
  const halves h = sample.build();
  std::vector<odt::variable> ours = h.first.variables;
  ours.insert(ours.end(), h.second.variables.begin(), h.second.variables.end());
  std::ifstream file(test::models() / "variables" / (sample.name + ".txt"));
  std::size_t at = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream row(line);
    std::string theirs, type, shape, is_trained;
    row >> theirs >> type >> shape >> is_trained;
    if (!starts_with(theirs, odt::first_stage_scope) && !starts_with(theirs, odt::second_stage_scope)) continue;
    BOOST_REQUIRE_MESSAGE(at < ours.size(), "there is no " << theirs);
    const odt::variable& v = ours[at++];
    BOOST_REQUIRE_EQUAL(v.name.view(), theirs);
    BOOST_TEST(odt::join(v.shape, "x") == shape, theirs);
    BOOST_TEST(v.trainable == (is_trained == "yes"), theirs);
  }
  BOOST_TEST(at == ours.size());
}

BOOST_DATA_TEST_CASE(operations_have_the_api_s_names_order_and_sizes, data::make(outputs())) {
  const auto folder = test::models() / sample.name;
  const halves h = sample.build();
  const auto first_shapes = odt::shapes(h.first, image_size(folder)),
             second_shapes = odt::shapes(h.second, sample.crops);
  int last_first = 0, last_second = 0, compared = 0;
  for (const auto& endpoint : test::load_json(folder / "endpoints.json")) {
    const std::string name = endpoint.at("name");
    const bool first = starts_with(name, odt::first_stage_scope);
    if (!first && !starts_with(name, odt::second_stage_scope)) continue;
    const int layer = layer_of(first ? h.first : h.second, name);
    int& last = first ? last_first : last_second;
    BOOST_REQUIRE_MESSAGE(layer > last, "there is no " << name << " where it belongs");
    last = layer;
    const auto& theirs = endpoint.at("shape");
    const auto& ours = (first ? first_shapes : second_shapes)[static_cast<std::size_t>(layer)];
    BOOST_TEST((ours == odt::shape3{theirs[1], theirs[2], theirs[3]}), name);
    ++compared;
  }
  BOOST_TEST(compared > 60);
}

BOOST_AUTO_TEST_SUITE_END()
