// SPDX-License-Identifier: MIT
// Every variable of the API's training graphs: names, shapes, which are trained, how many are regularized.
#include "models/model_case.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace test = odt::test;
namespace data = boost::unit_test::data;

BOOST_AUTO_TEST_SUITE(variables_tests, *test::needs(test::models()))

BOOST_DATA_TEST_CASE(they_are_those_of_the_api,
                     data::make({"ssd_mobilenet_v1_coco", "ssd_mobilenet_v1_pets", "ssd_mobilenet_v1_focal_loss_pets",
                                 "ssd_mobilenet_v1_0.75_depth_coco", "ssdlite_mobilenet_v1_coco",
                                 "ssd_inception_v2_coco", "ssd_inception_v2_pets"})) {
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

BOOST_AUTO_TEST_SUITE_END()
