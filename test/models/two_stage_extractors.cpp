// SPDX-License-Identifier: MIT
// The two halves of a classifier under the API's two-stage detectors: every variable, every operation, and, with the
// fixtures' formula weights, what the layers give for a photo.
#include "models/model_case.hpp"

#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/runner.hpp>
#include <odt/feature_extractors/faster_rcnn_inception_resnet_v2.hpp>
#include <odt/feature_extractors/faster_rcnn_inception_v2.hpp>
#include <odt/feature_extractors/faster_rcnn_nas.hpp>
#include <odt/feature_extractors/faster_rcnn_resnet_v1.hpp>
#include <odt/image_resizer.hpp>
#include <odt/nn/shapes.hpp>
#include <odt/nn/variable_layout.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <fstream>
#include <functional>
#include <ostream>
#include <sstream>

namespace test = odt::test;
namespace data = boost::unit_test::data;

namespace two_stage_cases {

/// The halves of an extractor as networks of their own, and the second behind the first's map.
struct halves {
  odt::network first, second, chain;
  int map = 0, features = 0;  ///< layers of the chain
};

/// A list of variables or a folder of outputs, and what has to agree with it.
struct two_stage_case {
  std::string name;
  std::function<halves()> build;
  odt::pixel_transform pixels;
  odt::size2 crops{7, 7};  ///< that the second half reads
  bool reads_map = false;  ///< it reads the map itself

  friend std::ostream& operator<<(std::ostream& out, const two_stage_case& c) { return out << c.name; }
};

template <class Extractor, int Stride>
two_stage_case of(std::string name) {
  const auto build = [] {
    const Extractor extractor{{.first_stage_features_stride = Stride}};
    halves h;
    h.map = extractor.build_proposal_features(h.first, 0);
    h.chain = h.first;
    h.features = extractor.build_classifier_features(h.chain, h.map);
    h.second.layers[0].channels = h.first.channels(h.map);
    extractor.build_classifier_features(h.second, 0);
    return h;
  };
  return {std::move(name), build, Extractor::pixels};
}

constexpr auto resnet50 = of<odt::faster_rcnn_resnet50, 16>, atrous50 = of<odt::faster_rcnn_resnet50, 8>,
               resnet101 = of<odt::faster_rcnn_resnet101, 16>, atrous101 = of<odt::faster_rcnn_resnet101, 8>,
               resnet152 = of<odt::faster_rcnn_resnet152, 16>, inception = of<odt::faster_rcnn_inception_v2, 16>,
               inception_resnet = of<odt::faster_rcnn_inception_resnet_v2, 8>, nas = of<odt::faster_rcnn_nas, 16>;

const std::vector<two_stage_case> lists{
    resnet50("faster_rcnn_resnet50_coco"),
    resnet101("faster_rcnn_resnet101_coco"),
    resnet101("faster_rcnn_resnet101_pets"),
    resnet152("faster_rcnn_resnet152_coco"),
    inception("faster_rcnn_inception_v2_pets"),
    inception_resnet("faster_rcnn_inception_resnet_v2_atrous_coco"),
    nas("faster_rcnn_nas_coco"),
    inception("mask_rcnn_inception_v2_coco"),
    atrous50("mask_rcnn_resnet50_atrous_coco"),
    atrous101("mask_rcnn_resnet101_atrous_coco"),
    inception_resnet("mask_rcnn_inception_resnet_v2_atrous_coco"),
    resnet50("rfcn_resnet50_coco"),
    resnet101("rfcn_resnet101_coco"),
};

/// Those of the whole networks' cases that are there.
std::vector<two_stage_case> outputs() {
  std::vector<two_stage_case> all{
      resnet50("full_faster_rcnn_resnet50"),
      resnet101("full_faster_rcnn_resnet101"),
      inception("full_faster_rcnn_inception_v2"),
      inception_resnet("full_faster_rcnn_inception_resnet_v2_atrous"),
      atrous50("full_mask_rcnn_resnet50_atrous"),
      inception("full_mask_rcnn_inception_v2"),
      resnet50("full_rfcn_resnet50"),
      nas("full_faster_rcnn_nas"),
  };
  all[3].crops = all[7].crops = {17, 17};
  all[6].crops = {16, 16}, all[6].reads_map = true;
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

/// A half, or the chain, with a case's weights, run in evaluation mode over its photo; all layers' values are kept.
struct evaluated {
  odt::network net;
  odt::variable_layout layout;
  std::vector<float> values;
  odt::thread_pool pool{2};
  odt::cpu::runner runner{net, layout, pool};

  evaluated(odt::network n, int output, const test::json& params) : net(std::move(n)) {
    net.outputs.push_back({.name = "features", .columns = net.channels(output), .layers = {output}});
    layout = odt::lay_out(net);
    values.resize(static_cast<std::size_t>(layout.floats));
    for (const odt::variable& v : layout.variables)
      test::fill_formula_weights(params, v.name, v.shape, {values.data() + v.offset, static_cast<std::size_t>(v.size)});
  }

  void run(const odt::float_image& pixels) {
    runner.keep_all(true);
    runner.use_plan(1, {pixels.height, pixels.width}, odt::run_mode::infer);
    std::ranges::copy(pixels.pixels, runner.images());
    runner.forward(values.data(), {});
  }

  /// Whether a layer runs, and memory holds what it gives and not what a norm or an activation behind it makes of that.
  bool holds(int layer) const {
    const odt::layer_views& own = runner.current().of(layer);
    return own.live && ((own.norm < 0 && own.clamp < 0) || net[layer].kind == odt::layer_kind::clamp);
  }
};

/// The largest difference of what was sampled, 64 values at the beginning and 64 all over, over the largest value.
double distance(const std::vector<float>& actual, const test::json& endpoint, const double* expected) {
  const auto step = endpoint.at("step").get<std::size_t>();
  double worst = 0;
  for (std::size_t k = 0; k < 64; ++k) {
    worst = std::max(worst, std::abs(static_cast<double>(actual.at(k)) - expected[k]));
    worst = std::max(worst, std::abs(static_cast<double>(actual.at(k * step)) - expected[64 + k]));
  }
  return worst / std::max(std::abs(endpoint.at("max").get<double>()), std::abs(endpoint.at("min").get<double>()));
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

BOOST_DATA_TEST_CASE(layers_give_what_the_api_s_give, data::make(outputs())) {
  const auto folder = test::models() / sample.name;
  const auto params = test::load_json(folder / "case.json").at("params");
  const halves h = sample.build();
  evaluated e(sample.reads_map ? h.chain : h.first, sample.reads_map ? h.features : h.map, params);
  const odt::network_input input = odt::to_network_input(
      test::load_photo(folder / "photo.npy"), odt::image_resizer::fixed_shape(image_size(folder)), sample.pixels);
  const auto preprocessed = test::load_samples(folder / "preprocessed").front();
  BOOST_TEST(test::l2_distance(input.pixels.pixels, preprocessed) < 1e-6);
  e.run(input.pixels);

  const auto rows = test::load_npy(folder / "endpoints.npy");
  const auto endpoints = test::load_json(folder / "endpoints.json");
  int compared = 0;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const std::string name = endpoints[i].at("name");
    const int layer = layer_of(e.net, name);
    if (layer < 0 || !e.holds(layer)) continue;
    BOOST_TEST(distance(e.runner.values_of(layer), endpoints[i], rows.values.data() + 128 * i) < 3e-5, name);
    ++compared;
  }
  BOOST_TEST(compared > 40);
}

BOOST_AUTO_TEST_SUITE_END()
