// SPDX-License-Identifier: MIT
// Detectors that start from torchvision's classifiers.
#include <odt/io/safetensors.hpp>
#include <odt/train/restore.hpp>

#include "any_faster_rcnn.hpp"
#include "any_ssd.hpp"

#include <io/torchvision_samples.hpp>
#include <scratch.hpp>

#include <cmath>

namespace {

using namespace odt::test;
using outcome = odt::restore_line::outcome;

std::vector<float> variable(odt::detector& model, std::string_view name) {
  for (const odt::state_tensor& t : model.state())
    if (t.name == name) return {t.values.begin(), t.values.end()};
  odt::fail("there is no variable ", name);
}

bool message_has(const std::string& text, std::string_view part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) BOOST_TEST_MESSAGE(text);
  return found;
}

/// The variables of these scopes that start from the file.
std::size_t count_below(odt::detector& model, std::initializer_list<std::string_view> scopes) {
  std::size_t count = 0;
  for (const odt::state_tensor& t : model.state())
    for (const std::string_view scope : scopes) count += t.model_variable && t.name.starts_with(scope);
  return count;
}

any_ssd::options small_ssd() {
  any_ssd::options o;
  odt::mobilenet_v2 extractor;
  extractor.opts.conv_hyperparams.norm.epsilon = 0.02f;
  o.feature_extractor = extractor;
  o.resizer = odt::image_resizer::fixed_shape({96, 96});
  return o;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(torchvision_start_tests)

BOOST_AUTO_TEST_CASE(an_ssd_takes_mobilenet_v2_for_its_own_epsilon_and_input) {
  const scratch_directory at;
  odt::write_safetensors(at / "mobilenet.safetensors", reader_of(mobilenet_v2_tensors()));
  any_ssd model(small_ssd(), {.threads = 2});
  const auto report = odt::fine_tune(model, {.checkpoint = at / "mobilenet.safetensors", .type = "classification"});
  const std::string scope = "FeatureExtractor/MobilenetV2/";
  const std::size_t base = count_below(model, {scope + "Conv/", scope + "Conv_1/", scope + "expanded_conv"});
  BOOST_TEST(base == 52u * 5);
  BOOST_TEST(report.count(outcome::restored) == base);
  BOOST_TEST(message_has(report.table(), "torchvision's mobilenet_v2, for this detector's input"));
  BOOST_TEST(message_has(report.table(),
                         "NOT restored   FeatureExtractor/MobilenetV2/layer_19_2_Conv2d_5_3x3_s2_128/weights"));

  const auto made = &made_tensors::value;
  const auto gamma = variable(model, scope + "expanded_conv_3/expand/BatchNorm/gamma");
  const double variance = double{made("features.4.conv.0.1.running_var", 6)};
  BOOST_TEST(double{gamma[6]} == double{made("features.4.conv.0.1.weight", 6)} *
                                     std::sqrt((variance + double{0.02f}) / (variance + 1e-5)),
             boost::test_tools::tolerance(1e-6));
  const auto conv = variable(model, scope + "Conv/weights");  // [3, 3, 3, 32]
  BOOST_TEST(
      double{conv[(4 * 3 + 1) * 32 + 9]} == double{made("features.0.0.weight", (9 * 3 + 1) * 9 + 4)} * 0.5 / 0.224,
      boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(the_second_stage_of_two_takes_block4) {
  const scratch_directory at;
  odt::write_safetensors(at / "resnet.safetensors", reader_of(resnet_tensors({3, 4, 6, 3})));
  any_faster_rcnn::options o;
  o.feature_extractor = odt::faster_rcnn_resnet50{};
  o.resizer = odt::image_resizer::fixed_shape({96, 96});
  any_faster_rcnn model(o, {.threads = 2});
  const auto report = odt::fine_tune(model, {.checkpoint = at / "resnet.safetensors", .type = "classification"});
  const std::string first = "FirstStageFeatureExtractor/resnet_v1_50/",
                    second = "SecondStageFeatureExtractor/resnet_v1_50/";
  BOOST_TEST(report.count(outcome::restored) ==
             count_below(model, {first + "conv1/", first + "block1/", first + "block2/", first + "block3/", second}));
  BOOST_TEST(report.count(outcome::missing) == 0u);
  BOOST_TEST(variable(model, second + "block4/unit_3/bottleneck_v1/conv3/BatchNorm/moving_mean")[5] ==
             made_tensors::value("layer4.2.bn3.running_mean", 5));
  BOOST_TEST(variable(model, first + "conv1/weights")[5] !=
             made_tensors::value("conv1.weight", 5 * 3 * 49));  // for pixels without mean colour
}

BOOST_AUTO_TEST_CASE(what_cannot_start_from_a_classifier_says_why) {
  const scratch_directory at;
  odt::write_safetensors(at / "mobilenet.safetensors", reader_of(mobilenet_v2_tensors()));
  any_ssd model(small_ssd(), {.threads = 2});
  check_error([&] { odt::fine_tune(model, {.checkpoint = at / "mobilenet.safetensors", .type = "detection"}); },
              {at / "mobilenet.safetensors", "fine_tune_checkpoint_type: \"classification\""});
  any_ssd::options other = small_ssd();
  other.feature_extractor = odt::inception_v2{};
  any_ssd inception(other, {.threads = 2});
  check_error(
      [&] { odt::fine_tune(inception, {.checkpoint = at / "mobilenet.safetensors", .type = "classification"}); },
      {"no variable that fits this detector", "torchvision's mobilenet_v2"});
}

BOOST_AUTO_TEST_SUITE_END()
