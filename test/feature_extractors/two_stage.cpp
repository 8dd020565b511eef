// SPDX-License-Identifier: MIT
#include <odt/feature_extractors/faster_rcnn_inception_resnet_v2.hpp>
#include <odt/feature_extractors/faster_rcnn_inception_v2.hpp>
#include <odt/feature_extractors/faster_rcnn_nas.hpp>
#include <odt/feature_extractors/faster_rcnn_resnet_v1.hpp>
#include <odt/nn/shapes.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string_view>

namespace {

using options = odt::two_stage_extractor_options;

template <class Extractor>
constexpr odt::shape3 map_of(int stride, odt::size2 size) {
  odt::network net;
  const int map = Extractor{{.first_stage_features_stride = stride}}.build_proposal_features(net, 0);
  return odt::shapes(net, size)[static_cast<std::size_t>(map)];
}

template <class Extractor>
constexpr odt::shape3 features_of(int channels, odt::size2 size) {
  odt::network net;
  net.layers[0].channels = channels;
  const int features = Extractor{}.build_classifier_features(net, 0);
  return odt::shapes(net, size)[static_cast<std::size_t>(features)];
}

// Networks are known at compile time.
static_assert(map_of<odt::faster_rcnn_resnet50>(16, {600, 1024}) == odt::shape3{38, 64, 1024});
static_assert(features_of<odt::faster_rcnn_inception_v2>(576, {7, 7}) == odt::shape3{4, 4, 1024});

odt::network both_halves(const auto& extractor) {
  odt::network net;
  extractor.build_classifier_features(net, extractor.build_proposal_features(net, 0));
  return net;
}

const odt::layer& named(const odt::network& net, std::string_view name) {
  for (const odt::layer& l : net.layers)
    if (l.name == name) return l;
  odt::fail("there is no layer ", name);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(two_stage_tests)

BOOST_AUTO_TEST_CASE(maps_have_the_stride_and_the_extractor_s_depth) {
  const odt::size2 size{600, 1024};
  BOOST_TEST((map_of<odt::faster_rcnn_resnet101>(8, size) == odt::shape3{75, 128, 1024}));
  BOOST_TEST((map_of<odt::faster_rcnn_resnet152>(16, size) == odt::shape3{38, 64, 1024}));
  BOOST_TEST((map_of<odt::faster_rcnn_inception_v2>(16, size) == odt::shape3{38, 64, 576}));
  BOOST_TEST((map_of<odt::faster_rcnn_inception_resnet_v2>(8, size) == odt::shape3{75, 128, 1088}));
  BOOST_TEST((map_of<odt::faster_rcnn_inception_resnet_v2>(16, size) == odt::shape3{38, 64, 1088}));
  BOOST_TEST((map_of<odt::faster_rcnn_nas>(16, size) == odt::shape3{38, 64, 4032}));
}

BOOST_AUTO_TEST_CASE(crops_are_classified_by_the_rest_of_the_network) {
  BOOST_TEST((features_of<odt::faster_rcnn_resnet101>(1024, {7, 7}) == odt::shape3{7, 7, 2048}));
  BOOST_TEST((features_of<odt::faster_rcnn_inception_resnet_v2>(1088, {17, 17}) == odt::shape3{8, 8, 1536}));
  BOOST_TEST((features_of<odt::faster_rcnn_nas>(4032, {17, 17}) == odt::shape3{9, 9, 4032}));
}

BOOST_AUTO_TEST_CASE(crops_that_a_window_does_not_fit_into_are_refused) {
  BOOST_CHECK_EXCEPTION(features_of<odt::faster_rcnn_inception_resnet_v2>(1088, {2, 7}), odt::error,
                        [](const odt::error& e) {
                          const std::string_view said = e.what();
                          return said.find("InceptionResnetV2/Mixed_7a/") != said.npos &&
                                 said.find(
                                     "its window of 3x3 does not fit into 2x7 pixels; larger images, or crops, "
                                     "are needed") != said.npos;
                        });
}

BOOST_AUTO_TEST_CASE(strides_that_are_not_taken_become_rates) {
  const auto resnet = [](int stride, const char* conv) {
    return named(both_halves(odt::faster_rcnn_resnet50{{.first_stage_features_stride = stride}}),
                 std::string("FirstStageFeatureExtractor/resnet_v1_50/resnet_v1_50/") + conv + "/Conv2D");
  };
  BOOST_TEST(resnet(16, "block3/unit_6/bottleneck_v1/conv2").rate == 1);
  BOOST_TEST(resnet(16, "block3/unit_6/bottleneck_v1/conv2").stride == 1);
  BOOST_TEST(resnet(16, "block4/unit_1/bottleneck_v1/conv2").rate == 2);
  BOOST_TEST(resnet(8, "block2/unit_4/bottleneck_v1/conv2").rate == 1);
  BOOST_TEST(resnet(8, "block3/unit_1/bottleneck_v1/conv2").rate == 2);
  BOOST_TEST(resnet(8, "block4/unit_3/bottleneck_v1/conv2").rate == 4);
  const odt::network net = both_halves(odt::faster_rcnn_inception_resnet_v2{{.first_stage_features_stride = 8}});
  const std::string block17 = "FirstStageFeatureExtractor/InceptionResnetV2/InceptionResnetV2/Repeat_1/block17_1/";
  BOOST_TEST(named(net, block17 + "Branch_1/Conv2d_0b_1x7/Conv2D").rate == 2);
  BOOST_TEST(named(net, block17 + "Branch_1/Conv2d_0a_1x1/Conv2D").rate == 1);
  BOOST_TEST(named(net, block17 + "mul").function.slope == 0.1f);
}

BOOST_AUTO_TEST_CASE(norms_are_frozen_unless_they_are_to_be_trained) {
  for (const bool train : {false, true})
    for (const odt::network& net : {both_halves(odt::faster_rcnn_resnet50{{.batch_norm_trainable = train}}),
                                    both_halves(odt::faster_rcnn_inception_v2{{.batch_norm_trainable = train}}),
                                    both_halves(odt::faster_rcnn_inception_resnet_v2{{.batch_norm_trainable = train}})})
      for (const odt::layer& l : net.layers)
        if (l.kind == odt::layer_kind::batch_norm) BOOST_TEST(l.norm.train == train, l.name);
}

BOOST_AUTO_TEST_CASE(the_first_half_of_nas_trains_its_norms_in_any_case) {
  for (const bool train : {false, true}) {
    const odt::network net = both_halves(odt::faster_rcnn_nas{{.batch_norm_trainable = train}});
    int first = 0, second = 0;
    for (const odt::layer& l : net.layers) {
      if (l.kind != odt::layer_kind::batch_norm) continue;
      const bool proposes = l.name.view().starts_with(odt::first_stage_scope);
      BOOST_TEST(l.norm.train == (proposes || train), l.name);
      ++(proposes ? first : second);
    }
    BOOST_TEST(first == 180);
    BOOST_TEST(second == 84);
  }
}

BOOST_AUTO_TEST_CASE(all_weights_of_nas_are_regularized) {
  for (const odt::variable& v : both_halves(odt::faster_rcnn_nas{}).variables) {
    const bool weights = v.name.view().ends_with("weights");
    BOOST_TEST((v.penalty.kind == (weights ? odt::penalty_kind::l2 : odt::penalty_kind::none)), v.name);
    if (weights) BOOST_TEST(v.penalty.weight == 5e-5f, v.name);
  }
}

BOOST_AUTO_TEST_CASE(paths_of_nas_drop_ever_more_often) {
  const odt::network net = both_halves(odt::faster_rcnn_nas{});
  const auto keeps = [&net](const char* path, std::uint64_t step) {
    return named(net, std::string(path) + "/drop_path").dropout.keeps(step);
  };
  const char *first = "FirstStageFeatureExtractor/cell_stem_0/comb_iter_0/left",
             *middle = "FirstStageFeatureExtractor/cell_11/comb_iter_3/right",
             *last = "SecondStageFeatureExtractor/cell_17/comb_iter_4/left";
  BOOST_TEST(keeps(first, 250'000) == 1 - 0.3f / 22, boost::test_tools::tolerance(1e-6f));
  BOOST_TEST(keeps(middle, 250'000) == 1 - 0.3f * 15 / 22, boost::test_tools::tolerance(1e-6f));
  BOOST_TEST(keeps(last, 250'000) == 0.7f, boost::test_tools::tolerance(1e-6f));
  BOOST_TEST(keeps(last, 125'000) == 0.85f, boost::test_tools::tolerance(1e-6f));
  BOOST_TEST(keeps(last, 0) == 1.0f);
  BOOST_TEST(keeps(last, 1'000'000) == keeps(last, 250'000));
  int paths = 0;
  for (const odt::layer& l : net.layers) {
    if (l.kind != odt::layer_kind::dropout) continue;
    BOOST_TEST(l.dropout.whole_images, l.name);
    ++paths;
  }
  BOOST_TEST(paths == 4 * 9 + 18 * 8);
}

BOOST_AUTO_TEST_CASE(nothing_else_is_regularized) {
  for (const odt::network& net :
       {both_halves(odt::faster_rcnn_resnet50{}), both_halves(odt::faster_rcnn_inception_v2{}),
        both_halves(odt::faster_rcnn_inception_resnet_v2{})})
    BOOST_TEST(std::ranges::none_of(net.variables,
                                    [](const odt::variable& v) { return v.penalty.kind != odt::penalty_kind::none; }));
}

BOOST_AUTO_TEST_CASE(other_strides_are_refused) {
  odt::network net;
  BOOST_CHECK_THROW(odt::faster_rcnn_resnet50{{.first_stage_features_stride = 4}}.build_proposal_features(net, 0),
                    odt::error);
  BOOST_CHECK_THROW(odt::faster_rcnn_inception_v2::check({.first_stage_features_stride = 8}), odt::error);
  BOOST_CHECK_THROW(odt::faster_rcnn_inception_resnet_v2::check({.first_stage_features_stride = 32}), odt::error);
  BOOST_CHECK_THROW(odt::faster_rcnn_nas::check({.first_stage_features_stride = 8}), odt::error);
}

BOOST_AUTO_TEST_SUITE_END()
