// SPDX-License-Identifier: MIT
#include "any_ssd.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <odt/nn/shapes.hpp>

namespace {

using small = odt::test::any_ssd;
using pets = odt::ssd<odt::inception_v2, odt::faster_rcnn_box_coder, odt::argmax_matcher, odt::rms_prop>;

static_assert(pets::anchor_count({300, 300}) == 1917);
static_assert(small::anchor_count({300, 300}) == 1917);
static_assert(small::parameter_count() == 6819839);
static_assert(small::multiply_adds({300, 300}) / 100000 == 12371);

/// A quarter of the width, so that a step takes milliseconds.
small::options thin(bool inception) {
  small::options o;
  o.num_classes = 3;
  if (inception) o.feature_extractor = odt::inception_v2{};
  std::visit([](auto& extractor) { extractor.opts.depth_multiplier = 0.25f; }, o.feature_extractor);
  std::get<0>(o.box_predictor).opts.use_dropout = true;
  o.loss.miner = odt::hard_example_miner{3000, 0.99f, odt::mining_loss::classification, 3, 0};
  o.update.clip_norm = 10;
  o.rate.schedule = odt::constant_learning_rate{{.learning_rate = 0.02f}};
  return o;
}

odt::batch pictures() {
  odt::batch b = odt::batch::zeros(2, 96, 96, 4);
  odt::random_stream random(3);
  for (float& pixel : b.images) pixel = random.uniform(-1, 1);
  b.counts = {2, 1};
  b.boxes[0] = {0.1f, 0.2f, 0.6f, 0.7f}, b.boxes[1] = {0.5f, 0.5f, 0.9f, 1.0f}, b.boxes[4] = {0.0f, 0.1f, 0.8f, 0.4f};
  b.classes[0] = 2, b.classes[1] = 0, b.classes[4] = 1;
  b.weights.assign(8, 1.0f);
  return b;
}

std::vector<float> weights_after(int steps, bool inception, int threads) {
  small detector(thin(inception), {.seed = 5, .threads = threads});
  for (int i = 0; i < steps; ++i) detector.train_step(pictures());
  const auto values = detector.device().stores().values;
  return {values.begin(), values.end()};
}

/// The losses of five steps, of an evaluation after them, and what is found then.
struct short_run {
  std::vector<float> losses, values;
  std::vector<odt::detections> found;
};

short_run train_with(odt::precision compute, int threads) {
  small detector(thin(false), {.seed = 5, .threads = threads, .compute = compute});
  short_run r;
  for (int i = 0; i < 5; ++i) r.losses.push_back(detector.train_step(pictures()).total_loss);
  r.losses.push_back(detector.evaluate(pictures()).total_loss);
  const auto values = detector.device().stores().values;
  r.values.assign(values.begin(), values.end());
  r.found = detector.detect(pictures());
  return r;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ssd_tests)

BOOST_AUTO_TEST_CASE(steps_are_the_same_bits_with_any_number_of_threads) {
  for (const bool inception : {false, true}) {
    const auto one = weights_after(4, inception, 1);
    for (const int threads : {2, 3}) {
      const auto more = weights_after(4, inception, threads);
      BOOST_TEST(std::memcmp(one.data(), more.data(), one.size() * sizeof(float)) == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(bf16_trains_evaluates_and_detects_much_as_fp32) {
  const short_run wide = train_with(odt::precision::fp32, 2), narrow = train_with(odt::precision::bf16, 1);
  BOOST_TEST((narrow.values != wide.values));
  BOOST_TEST(narrow.losses == wide.losses, boost::test_tools::tolerance(0.05f) << boost::test_tools::per_element());
  BOOST_TEST_REQUIRE(narrow.found.size() == 2u);
  for (const odt::detections& each : narrow.found)
    for (const auto& d : each) BOOST_TEST(std::isfinite(d.score));
  for (const int threads : {2, 3}) {
    const short_run more = train_with(odt::precision::bf16, threads);
    BOOST_TEST((more.losses == narrow.losses));
    BOOST_TEST(std::memcmp(more.values.data(), narrow.values.data(), more.values.size() * sizeof(float)) == 0);
  }
}

BOOST_AUTO_TEST_CASE(group_norm_and_swish_train_as_batch_norm_does) {
  small::options o = thin(false);
  auto& extractor = std::get<odt::mobilenet_v1>(o.feature_extractor).opts;
  extractor.depth_multiplier = 1;
  extractor.min_depth = 32;
  extractor.conv_hyperparams.has_batch_norm = false;
  extractor.conv_hyperparams.has_group_norm = true;
  extractor.conv_hyperparams.act = odt::activation::silu;
  small detector(o, {.seed = 5});
  int scales = 0;
  for (const odt::variable& v : detector.variables().variables) {
    scales += v.name.view().ends_with("/GroupNorm/gamma") ? 1 : 0;
    BOOST_TEST(v.name.view().find("BatchNorm") == std::string_view::npos, v.name);
  }
  BOOST_TEST(scales == 1 + 2 * 13 + 8);
  const float first = detector.train_step(pictures()).total_loss;
  float last = first;
  for (int i = 0; i < 30; ++i) last = detector.train_step(pictures()).total_loss;
  BOOST_TEST(last < 0.7f * first);

  extractor.depth_multiplier = 0.75f;  // 24 channels
  extractor.min_depth = 8;
  BOOST_CHECK_EXCEPTION(small(o, {.seed = 5}), odt::error, [](const odt::error& e) {
    return std::string(e.what()).find("group_norm makes 32 groups, which do not divide its 24 channels") !=
           std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(other_seeds_give_other_weights) {
  small a(thin(false), {.seed = 1}), b(thin(false), {.seed = 2});
  BOOST_TEST(a.device().stores().values[0] != b.device().stores().values[0]);
}

BOOST_AUTO_TEST_CASE(a_batch_that_stays_the_same_is_learnt) {
  for (const bool inception : {false, true}) {
    small detector(thin(inception), {.seed = 5});
    const float first = detector.train_step(pictures()).total_loss;
    float last = first;
    for (int i = 0; i < 60; ++i) last = detector.train_step(pictures()).total_loss;
    BOOST_TEST(last < 0.7f * first);
    BOOST_TEST(detector.global_step() == 61);
  }
}

BOOST_AUTO_TEST_CASE(evaluation_and_detection_change_nothing) {
  small detector(thin(false), {.seed = 5});
  detector.train_step(pictures());
  const auto values = detector.device().stores().values;
  const std::vector<float> before(values.begin(), values.end());
  const auto report = detector.evaluate(pictures());
  BOOST_TEST(std::isfinite(report.total_loss));
  detector.detect(pictures());
  odt::image picture(50, 70);
  detector.detect(picture);
  BOOST_TEST(std::memcmp(before.data(), values.data(), before.size() * sizeof(float)) == 0);
}

BOOST_AUTO_TEST_CASE(predictions_do_not_depend_on_which_layers_are_fused) {
  for (const odt::precision compute : {odt::precision::fp32, odt::precision::bf16}) {
    small detector(thin(false), {.seed = 5, .compute = compute});
    detector.train_step(pictures());
    auto& runner = static_cast<odt::cpu::ssd_step<small::axes>&>(detector.device()).network_runner();
    const auto predictions = [&] {
      detector.forward(pictures());
      std::vector<float> all;
      for (const int output : {odt::class_logits, odt::box_encodings})
        all.insert(all.end(), runner.output(output),
                   runner.output(output) + runner.current().output(output).elements());
      return all;
    };
    const auto fused = [&] {
      return std::ranges::count(runner.current().operations, odt::operation::separable_convolution,
                                &odt::plan_operation::kind);
    };
    const std::vector<float> together = predictions();
    BOOST_TEST(fused() > 0);
    runner.keep_all(true);  // every layer's output
    const std::vector<float> apart = predictions();
    BOOST_TEST(fused() == 0);
    BOOST_TEST((together == apart));
  }
}

BOOST_AUTO_TEST_CASE(the_arena_is_what_was_foretold) {
  small detector(thin(false), {.seed = 5});
  detector.train_step(pictures());
  const auto foretold = detector.describe(2, {96, 96}).step_bytes;
  const auto& runner = static_cast<odt::cpu::ssd_step<small::axes>&>(detector.device()).network_runner();
  const auto used = static_cast<std::int64_t>(runner.arena_bytes() - runner.scratch_bytes());
  BOOST_TEST(used >= foretold);
  BOOST_TEST(static_cast<double>(used) <= 1.05 * static_cast<double>(foretold));
}

BOOST_AUTO_TEST_CASE(a_loss_that_is_not_finite_changes_nothing_and_names_the_layer) {
  small detector(thin(false), {.seed = 5});
  odt::batch b = pictures();
  const auto values = detector.device().stores().values;
  const std::vector<float> before(values.begin(), values.end());
  b.images[100] = std::nanf("");
  const auto report = detector.train_step(b);
  BOOST_TEST(!report.finite);
  BOOST_TEST(detector.global_step() == 0);
  BOOST_TEST(detector.first_non_finite_layer(b).find("input") != std::string::npos);
  const auto trainable = static_cast<std::size_t>(detector.variables().trainable_floats);
  BOOST_TEST(std::memcmp(before.data(), values.data(), trainable * sizeof(float)) == 0);
}

BOOST_AUTO_TEST_CASE(averages_follow_and_can_be_swapped_in) {
  auto options = thin(false);
  options.update.average = true;
  options.update.average_decay = 0.5f;
  small detector(options, {.seed = 5});
  const auto stores = detector.device().stores();
  const float start = stores.values[0];
  detector.train_step(pictures());
  const float now = stores.values[0], average = stores.averages[0];
  BOOST_TEST(average == start - 0.5f * (start - now), boost::test_tools::tolerance(1e-6f));
  detector.swap_averages();
  BOOST_TEST(stores.values[0] == average);
  detector.swap_averages();
  BOOST_TEST(stores.values[0] == now);
}

BOOST_AUTO_TEST_CASE(a_frozen_extractor_leaves_the_gradients_of_the_predictors_as_they_are) {
  auto options = thin(false);
  small whole(options, {.seed = 5});
  options.freeze_variables = {"FeatureExtractor/.*"};
  small heads(options, {.seed = 5});
  const auto expected = whole.train_step(pictures()), report = heads.train_step(pictures());
  for (std::size_t i = 0; i < expected.losses.size(); ++i)
    BOOST_TEST(report.losses[i].second == expected.losses[i].second, expected.losses[i].first);
  int compared = 0;
  for (const odt::variable& v : heads.variables().variables) {
    if (!v.trainable) continue;
    const auto part = [&v](small& detector) {
      return detector.device().stores().gradients.subspan(static_cast<std::size_t>(v.offset),
                                                          static_cast<std::size_t>(v.size));
    };
    BOOST_TEST(std::ranges::equal(part(heads), part(whole)), v.name);
    ++compared;
  }
  BOOST_TEST(compared == 6 * 4);
}

BOOST_AUTO_TEST_CASE(frozen_variables_stay) {
  auto options = thin(false);
  options.freeze_variables = {".*Conv2d_0/.*"};
  small detector(options, {.seed = 5});
  const auto state = detector.state();
  const auto at = [&state](const std::string& name) {
    for (const auto& t : state)
      if (t.name == name) return t.values[0];
    throw std::runtime_error(name);
  };
  const std::string frozen = "FeatureExtractor/MobilenetV1/Conv2d_0/weights",
                    free = "FeatureExtractor/MobilenetV1/Conv2d_1_pointwise/weights";
  const float kept = at(frozen), moved = at(free);
  detector.train_step(pictures());
  BOOST_TEST(at(frozen) == kept);
  BOOST_TEST(at(free) != moved);
}

BOOST_AUTO_TEST_CASE(a_profile_has_every_operation_of_the_plan_and_changes_no_bits) {
  const odt::batch b = pictures();
  small plain(thin(false), {.seed = 5, .threads = 1}), watched(thin(false), {.seed = 5, .threads = 1});
  plain.train_step(b);
  const auto operations = watched.profile(b, false);
  const auto p = odt::lower(plain.layers(), b.size, {b.height, b.width}, odt::run_mode::train);
  BOOST_TEST(operations.size() == p.operations.size() + 3);  // and the images, the targets, the update
  double flops = 0;
  for (const odt::operation_time& o : operations)
    if (o.operation == "convolution" || o.operation == "depthwise") flops += o.flops;
  const auto forward = static_cast<double>(odt::multiply_adds(plain.layers(), {b.height, b.width}));
  BOOST_TEST(flops == 2 * b.size * forward);
  const auto values = [](small& detector) { return detector.device().stores().values; };
  BOOST_TEST(std::memcmp(values(plain).data(), values(watched).data(), values(plain).size_bytes()) == 0);
  BOOST_TEST(watched.global_step() == 1);
}

BOOST_AUTO_TEST_CASE(a_forward_profile_runs_the_network_alone) {
  small detector(thin(true), {.seed = 5, .threads = 1});
  for (const odt::operation_time& o : detector.profile(pictures(), true)) {
    BOOST_TEST(o.operation.find(" dw") == std::string::npos);
    BOOST_TEST(o.operation != "update");
  }
  BOOST_TEST(detector.global_step() == 0);
}

BOOST_AUTO_TEST_CASE(planned_bytes_are_arena_and_stores) {
  small detector(thin(false), {.seed = 5, .threads = 1});
  detector.train_step(pictures());
  const auto described = detector.describe(2, {96, 96});
  BOOST_TEST(detector.planned_bytes() >= described.step_bytes + described.variable_bytes);
}

BOOST_AUTO_TEST_SUITE_END()
