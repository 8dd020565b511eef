// SPDX-License-Identifier: MIT
// Every variable of the API's training graphs: names, shapes, which are trained, how many are regularized. And its
// operations.
#include "models/model_case.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <fstream>
#include <map>
#include <odt/nn/shapes.hpp>
#include <set>
#include <sstream>

namespace test = odt::test;
namespace data = boost::unit_test::data;

BOOST_AUTO_TEST_SUITE(variables_tests, *test::needs(test::models()))

BOOST_DATA_TEST_CASE(they_are_those_of_the_api,
                     data::make({"ssd_mobilenet_v1_coco", "ssd_mobilenet_v1_pets", "ssd_mobilenet_v1_focal_loss_pets",
                                 "ssd_mobilenet_v1_0.75_depth_coco", "ssdlite_mobilenet_v1_coco",
                                 "ssd_inception_v2_coco", "ssd_inception_v2_pets", "ssd_mobilenet_v2_coco",
                                 "ssdlite_mobilenet_v2_coco", "ssd_mobilenet_v1_fpn_coco",
                                 "ssd_mobilenet_v2_fpnlite_coco",
                                 "ssd_resnet50_v1_fpn_shared_box_predictor_640x640_coco14_sync",
                                 "ssd320_resnet50_fpn_bench", "ssd_resnet101_v1_fpn_coco", "ssd_resnet152_v1_fpn_coco",
                                 "ssd_mobilenet_v1_ppn_coco", "ssd_resnet50_v1_ppn_coco"})) {
  const std::string name = sample;
  auto config = test::models() / "variables" / (name + ".config");
  if (!test::fs::exists(config)) config = test::data() / "configs" / (name + ".config");
  const odt::pipeline pipeline = odt::pipeline::load(config.string());
  const auto options = test::any_ssd::options::from(pipeline.root());
  const odt::network net = odt::ssd_network(options);
  const odt::variable_layout layout = odt::lay_out(net);

  std::map<std::string, const odt::variable*> ours;
  int trained = 0, regularized = 0;
  for (const odt::variable& v : layout.variables) {
    ours[v.name] = &v;
    trained += v.trainable ? 1 : 0;
    regularized += v.penalty.kind != odt::penalty_kind::none ? 1 : 0;
  }
  std::ifstream file(test::models() / "variables" / (name + ".txt"));
  std::string line;
  std::getline(file, line);
  std::istringstream head(line.substr(line.find(':') + 1));
  int variables = 0, trainable = 0, parameters = 0, losses = 0;
  std::string word;
  head >> variables >> word >> word >> trainable >> word >> parameters >> word >> word >> losses;
  BOOST_TEST(static_cast<int>(ours.size()) == variables);
  BOOST_TEST(trained == trainable);
  BOOST_TEST(odt::parameter_count(net) == parameters);
  BOOST_TEST(regularized == losses);

  int compared = 0;
  while (std::getline(file, line)) {
    std::istringstream row(line);
    std::string theirs, type, shape, is_trained;
    row >> theirs >> type >> shape >> is_trained;
    if (theirs.starts_with('#') || theirs == "global_step") continue;
    const auto found = ours.find(theirs);
    BOOST_REQUIRE_MESSAGE(found != ours.end(), "there is no " << theirs);
    BOOST_TEST(odt::join(found->second->shape, "x") == shape);
    BOOST_TEST(found->second->trainable == (is_trained == "yes"));
    ++compared;
  }
  BOOST_TEST(compared == variables);
}

/// An operation's name, but for the last part of a convolution with biases.
bool same_operation(std::string_view layer, std::string_view operation) {
  const auto scope = [](std::string_view name) { return name.substr(0, name.rfind('/')); };
  return layer == operation ||
         (operation.ends_with("/BiasAdd") && layer.ends_with("/Conv2D") && scope(layer) == scope(operation));
}

BOOST_DATA_TEST_CASE(operations_have_the_apis_names_order_and_sizes,
                     data::make(test::present_cases(
                         {"full_ssd_mobilenet_v1", "full_ssd_inception_v2", "full_ssd_mobilenet_v2",
                          "full_ssdlite_mobilenet_v2", "full_ssd_resnet50_v1_fpn_320", "full_ssd_mobilenet_v1_fpn_320",
                          "full_ssd_mobilenet_v2_fpnlite_320", "full_ssd_mobilenet_v1_ppn"}))) {
  const auto folder = test::models() / std::string(sample);
  const odt::pipeline pipeline = odt::pipeline::load((folder / "pipeline.config").string());
  const odt::network net = odt::ssd_network(test::any_ssd::options::from(pipeline.root()));
  const auto endpoints = test::load_json(folder / "endpoints.json");
  const odt::settings& size = pipeline.root().at("model").at("ssd").at("image_resizer").at("fixed_shape_resizer");
  const auto shapes = odt::shapes(net, {size.get<int>("height"), size.get<int>("width")});
  int at = 0;
  for (const auto& endpoint : endpoints) {
    const std::string name = endpoint.at("name");
    while (at < net.size() && !same_operation(net[at].name, name)) ++at;
    BOOST_REQUIRE_MESSAGE(at < net.size(), "there is no " << name << " where it belongs");
    const odt::shape3& ours = shapes[static_cast<std::size_t>(at)];
    const auto& theirs = endpoint.at("shape");
    BOOST_TEST((ours == odt::shape3{theirs[1], theirs[2], theirs[3]}), name);
  }
}

BOOST_AUTO_TEST_SUITE_END()
