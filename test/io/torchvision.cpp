// SPDX-License-Identifier: MIT
#include <odt/io/torchvision.hpp>

#include <odt/backbones/mobilenet_v2.hpp>
#include <odt/backbones/resnet_v1.hpp>
#include <odt/nn/network.hpp>

#include <io/torchvision_samples.hpp>
#include <scratch.hpp>

#include <cmath>

namespace {

using namespace odt::test;
using odt::checkpoint_reader;
using odt::torchvision::as_slim;

float made(std::string_view name, std::size_t i) { return made_tensors::value(name, i); }

/// Each variable of the network is there, in its shape.
void check_variables(const odt::network& net, const checkpoint_reader& weights) {
  for (const odt::variable& v : net.variables) {
    const odt::tensor_info* const found = weights.find(v.name.view());
    BOOST_TEST_REQUIRE(found, std::string(v.name.view()) + " is missing");
    BOOST_TEST(found->shape == std::vector<std::int64_t>(v.shape.begin(), v.shape.end()),
               boost::test_tools::per_element());
  }
  BOOST_TEST(weights.tensors().size() == net.variables.size() + 2);  // and the classifier's
}

void refuses(made_tensors tensors, std::initializer_list<std::string_view> pieces) {
  check_error(
      [&] {
        const auto slim = as_slim(reader_of(std::move(tensors)));
        for (const auto& t : slim.weights.tensors()) slim.weights.read_raw(t);
      },
      pieces);
}

/// What torchvision's first convolution and norm make of pixels, one for each tap and colour, in output `o`.
double first_output_there(std::size_t o, const std::vector<double>& pixels) {
  const double mean[] = {0.485, 0.456, 0.406}, deviation[] = {0.229, 0.224, 0.225};
  double sum = 0;
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t tap = 0; tap < 9; ++tap)
      sum += double{made("features.0.0.weight", (o * 3 + i) * 9 + tap)} *
             ((pixels[tap * 3 + i] / 255 - mean[i]) / deviation[i]);
  return double{made("features.0.1.weight", o)} * (sum - double{made("features.0.1.running_mean", o)}) /
             std::sqrt(double{made("features.0.1.running_var", o)} + 1e-5) +
         double{made("features.0.1.bias", o)};
}

/// The same of slim's variables.
double first_output_here(const checkpoint_reader& slim, std::size_t o, const std::vector<double>& pixels,
                         const odt::pixel_transform& transform, double epsilon) {
  const std::string norm = "MobilenetV2/Conv/BatchNorm/";
  const auto weights = slim.read<float>("MobilenetV2/Conv/weights");  // [3, 3, 3, 32]
  const auto number = [&](const std::string& name) { return double{slim.read<float>(norm + name)[o]}; };
  double sum = 0;
  for (std::size_t i = 0; i < 27; ++i)
    sum += double{weights[i * 32 + o]} * (pixels[i] * double{transform.scale[i % 3]} + double{transform.shift[i % 3]});
  return number("gamma") * (sum - number("moving_mean")) / std::sqrt(number("moving_variance") + epsilon) +
         number("beta");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(torchvision_tests)

BOOST_AUTO_TEST_CASE(mobilenet_v2_has_all_variables_of_ours) {
  odt::network net;
  odt::backbones::mobilenet_v2(net, 0, {.variables = "MobilenetV2", .operations = "MobilenetV2"});
  const auto slim = as_slim(reader_of(mobilenet_v2_tensors()));
  BOOST_TEST(slim.name == "mobilenet_v2");
  check_variables(net, slim.weights);
  BOOST_TEST(describe(slim.weights.at("MobilenetV2/Logits/Conv2d_1c_1x1/weights")) == "float32 [1,1,1280,1000]");
}

BOOST_AUTO_TEST_CASE(resnets_have_all_variables_of_ours) {
  for (const int layers : {50, 101, 152}) {
    const auto units = odt::backbones::resnet_v1_units(layers);
    const std::string scope = odt::str("resnet_v1_", layers);
    odt::network net;
    odt::backbones::resnet_v1(net, 0, {.variables = scope, .operations = scope}, units,
                              odt::backbones::subsampling::in_last_unit);
    const auto slim = as_slim(reader_of(resnet_tensors(units)));
    BOOST_TEST(slim.name == odt::str("resnet", layers));
    check_variables(net, slim.weights);
  }
}

BOOST_AUTO_TEST_CASE(layouts_are_tensorflows) {
  const auto slim = as_slim(reader_of(mobilenet_v2_tensors()));
  const auto project = slim.weights.read<float>("MobilenetV2/expanded_conv_2/project/weights");  // [1, 1, 144, 24]
  BOOST_TEST(project[5 * 24 + 7] == made("features.3.conv.2.weight", 7 * 144 + 5));
  const auto depthwise = slim.weights.read<float>("MobilenetV2/expanded_conv_2/depthwise/depthwise_weights");
  BOOST_TEST(depthwise[(2 * 3 + 1) * 144 + 100] == made("features.3.conv.1.0.weight", 100 * 9 + 2 * 3 + 1));
  const auto logits = slim.weights.read<float>("MobilenetV2/Logits/Conv2d_1c_1x1/weights");
  BOOST_TEST(logits[5 * 1000 + 7] == made("classifier.1.weight", 7 * 1280 + 5));
  BOOST_TEST(slim.weights.read<float>("MobilenetV2/Conv_1/BatchNorm/beta")[3] == made("features.18.1.bias", 3));
  BOOST_TEST(slim.weights.read<float>("MobilenetV2/expanded_conv/depthwise/BatchNorm/moving_variance")[3] ==
             made("features.1.conv.0.1.running_var", 3));
  const auto resnet = as_slim(reader_of(resnet_tensors({3, 4, 6, 3}))).weights;
  const auto conv = resnet.read<float>("resnet_v1_50/block4/unit_1/bottleneck_v1/conv2/weights");  // [3, 3, 512, 512]
  BOOST_TEST(conv[((1 * 3 + 2) * 512 + 9) * 512 + 7] == made("layer4.0.conv2.weight", (7 * 512 + 9) * 9 + 1 * 3 + 2));
  BOOST_TEST(resnet.read<float>("resnet_v1_50/block4/unit_1/bottleneck_v1/shortcut/BatchNorm/gamma")[3] ==
             made("layer4.0.downsample.1.weight", 3));  // of the same epsilon
}

BOOST_AUTO_TEST_CASE(inputs_and_epsilons_are_made_up_for) {
  std::vector<double> pixels(27);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<double>(i * 37 % 256);
  const checkpoint_reader there = reader_of(mobilenet_v2_tensors());
  for (const auto& transform : {odt::pixel_transform::minus_one_to_one(), odt::pixel_transform::subtract_mean()})
    for (const double epsilon : {1e-5, 0.001, 0.03}) {
      const auto slim = as_slim(there, {transform, [epsilon](const std::string&) { return epsilon; }});
      for (const std::size_t o : {0, 5, 31})
        BOOST_TEST(first_output_here(slim.weights, o, pixels, transform, epsilon) == first_output_there(o, pixels),
                   boost::test_tools::tolerance(1e-5));
    }
  const auto own = as_slim(there);  // slim's own: -1 to 1, 0.001
  BOOST_TEST(first_output_here(own.weights, 5, pixels, odt::pixel_transform::minus_one_to_one(), 0.001) ==
                 first_output_there(5, pixels),
             boost::test_tools::tolerance(1e-5));
}

BOOST_AUTO_TEST_CASE(a_network_may_lie_below_a_prefix) {
  auto tensors = resnet_tensors({3, 4, 23, 3});
  tensors.remove("fc.weight"), tensors.remove("fc.bias");
  tensors.rename([](const std::string& name) { return "backbone.body." + name; });
  tensors.add("rpn.head.conv.weight", {256, 256, 3, 3});
  const auto slim = as_slim(reader_of(tensors));
  BOOST_TEST(slim.name == "resnet101");
  BOOST_TEST(!slim.weights.find("resnet_v1_101/logits/weights"));
  tensors.add("teacher.layer1.0.conv1.weight", {64, 64, 1, 1});
  refuses(tensors, {"made.pth: has a network of torchvision's below several prefixes: backbone.body., teacher."});
}

BOOST_AUTO_TEST_CASE(other_networks_are_told_from_these) {
  made_tensors other;
  other.add("stem.weight", {8, 3, 3, 3});
  refuses(other, {"made.pth: is not torchvision's mobilenet_v2, resnet50", "its 1 tensors (stem.weight"});
  auto small = resnet_tensors({2, 2, 2, 2});
  small.remove("layer1.0.conv3.weight");
  refuses(small, {"made.pth: is a resnet without bottlenecks"});
  auto wide = resnet_tensors({3, 4, 6, 3});
  wide.add("layer1.0.conv2.weight", {128, 128, 3, 3});
  refuses(wide, {"wide resnet"});
  refuses(resnet_tensors({3, 4, 7, 3}), {"3, 4, 7, 3 units"});
}

BOOST_AUTO_TEST_CASE(tensors_that_do_not_fit_are_named) {
  const auto changed = [](const std::string& name, std::vector<std::int64_t> shape, odt::element_type type) {
    auto tensors = mobilenet_v2_tensors();
    tensors.add(name, std::move(shape), type);
    return tensors;
  };
  const auto single = odt::element_type::float32, wide = odt::element_type::float64;
  auto cut = mobilenet_v2_tensors();
  cut.remove("features.17.conv.2.weight"), cut.remove("features.18.1.running_var");
  refuses(cut, {"looks like torchvision's mobilenet_v2, but 2 of its tensors are missing: features.17.conv.2.weight"});
  auto half = mobilenet_v2_tensors();
  half.remove("classifier.1.bias");
  refuses(half, {"1 of its tensors are missing: classifier.1.bias"});
  refuses(changed("features.0.0.weight", {32, 1, 3, 3}, single),
          {"\"features.0.0.weight\" is float32 [32,1,3,3]", "[outputs, 3, height, width]"});
  refuses(changed("features.2.conv.1.0.weight", {96, 96, 3, 3}, single), {"[channels, 1, height, width]"});
  refuses(changed("features.0.1.bias", {31}, single), {"\"features.0.1.bias\" is float32 [31]; [32] is expected"});
  refuses(changed("features.0.1.bias", {32}, odt::element_type::int8), {"is int8 [32]; floats are expected"});
  auto large = changed("features.0.1.bias", {32}, wide);
  as_slim(reader_of(large)).weights.read<float>("MobilenetV2/Conv/BatchNorm/beta");
  large.large = true;
  refuses(large, {"\"MobilenetV2/Conv/BatchNorm/beta\" has the value 1e+300, too large for float32"});
}

BOOST_AUTO_TEST_SUITE_END()
