// SPDX-License-Identifier: MIT
// torchvision's own MobileNet v2 (IMAGENET1K_V1) through our layers and kernels: its logits, where the paddings are
// those of PyTorch. The file is $ODT_TORCHVISION_MOBILENET_V2, which test/torchvision.py gets.
#include <odt/backbones/mobilenet_v2.hpp>
#include <odt/exec/cpu/runner.hpp>
#include <odt/io/torchvision.hpp>
#include <odt/nn/variable_layout.hpp>

#include <boost/test/unit_test.hpp>
#include <golden.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

namespace {

std::string weights_file() {
  const char* const path = std::getenv("ODT_TORCHVISION_MOBILENET_V2");
  return path ? path : "$ODT_TORCHVISION_MOBILENET_V2";
}

/// The classifier, from the image to the logits.
struct mobilenet_classifier {
  odt::network net;
  odt::variable_layout layout;
  std::vector<float> values;

  explicit mobilenet_classifier(bool explicit_padding) {
    const auto ends = odt::backbones::mobilenet_v2(
        net, 0, {.variables = "MobilenetV2", .operations = "MobilenetV2", .use_explicit_padding = explicit_padding});
    odt::hyperparams bare;
    bare.act = odt::activation::none;
    bare.has_batch_norm = false;
    const int mean = net.global_pool(ends.at("layer_19"), "mean");
    const int logits = odt::convolve(net, mean, {.scope = "MobilenetV2/Logits/Conv2d_1c_1x1", .channels = 1000}, bare);
    net.outputs.push_back({.name = "logits", .columns = 1000, .layers = {logits}});
    layout = odt::lay_out(net);
    values.resize(static_cast<std::size_t>(layout.floats));
    const auto slim = odt::torchvision::as_slim(odt::checkpoint_reader(weights_file())).weights;
    for (std::size_t v = 0; v < net.variables.size(); ++v)
      std::ranges::copy(slim.read<float>(net.variables[v].name.view()), values.begin() + layout.offsets[v]);
  }

  std::vector<float> logits(const std::vector<float>& image, odt::size2 size) {
    odt::thread_pool pool{2};
    odt::cpu::runner runner(net, layout, pool);
    runner.use_plan(1, size, odt::run_mode::infer);
    std::ranges::copy(image, runner.images());
    runner.forward(values.data(), {});
    return {runner.output(0), runner.output(0) + 1000};
  }
};

/// A picture of whole numbers, from -1 to 1.
std::vector<float> picture(odt::size2 size) {
  std::vector<float> values;
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x)
      for (int c = 0; c < 3; ++c) {
        const int pixel = (x * (c + 2) + y * (5 - c) + (x / 32 + y / 32) % 2 * 90) % 256;
        values.push_back(static_cast<float>(pixel) * (2.0f / 255) - 1);
      }
  return values;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(torchvision_backbone_tests)

BOOST_AUTO_TEST_CASE(logits_are_torchvisions_up_to_the_border, *odt::test::needs(weights_file())) {
  // By torchvision 0.29 in float64: of classes 0, 100, ..., 900, the same with a border of mid-gray, the five highest.
  constexpr double theirs[] = {-2.0287, 1.2038, -1.4829, -3.015, -0.7677, 0.6593, 2.1085, 2.0986, 6.3385, -2.8927};
  constexpr double gray[] = {-2.0213, 1.188, -1.5038, -3.0141, -0.7792, 0.6541, 2.1187, 2.0976, 6.3331, -2.8911};
  constexpr int highest[] = {556, 827, 818, 619, 758};
  const auto logits = mobilenet_classifier(true).logits(picture({224, 224}), {224, 224});
  for (std::size_t i = 0; i < std::size(gray); ++i) {
    BOOST_TEST(std::abs(double{logits[i * 100]} - theirs[i]) < 0.03);
    BOOST_TEST(std::abs(double{logits[i * 100]} - gray[i]) < 0.001);
  }
  std::vector<int> order(1000);
  for (int i = 0; i < 1000; ++i) order[static_cast<std::size_t>(i)] = i;
  std::ranges::sort(order, std::greater(), [&](int i) { return logits[static_cast<std::size_t>(i)]; });
  BOOST_TEST(std::vector(order.begin(), order.begin() + 5) == std::vector(std::begin(highest), std::end(highest)),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(with_same_padding_they_are_those_of_torchvision_with_same_padding,
                     *odt::test::needs(weights_file())) {
  constexpr double expected[] = {-2.3794, 0.9468, -1.0171, -2.1226, -1.0385, -0.8421, 2.2966, 1.072, 8.0407, -2.1385};
  const auto logits = mobilenet_classifier(false).logits(picture({224, 224}), {224, 224});
  for (std::size_t i = 0; i < std::size(expected); ++i)
    BOOST_TEST(std::abs(double{logits[i * 100]} - expected[i]) < 0.001);
}

BOOST_AUTO_TEST_SUITE_END()
