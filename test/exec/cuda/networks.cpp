// SPDX-License-Identifier: MIT
// The table of networks on a GPU.
#include "exec/networks.hpp"

#include "exec/cuda/device.hpp"

#include <odt/exec/cuda/runner.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

namespace odt::test {
namespace {

/// Lets a runner's regions be the case's.
struct fixed_regions {
  std::vector<cuda::device_array<boxf>> memory;  ///< as long as the runner may still copy

  fixed_regions(cuda::runner& runner, const random_network& n) {
    runner.choose_regions = [&](cudaStream_t stream, int layer, boxf* to) {
      const cuda::device_array<boxf>& from = memory.emplace_back(copied(n.boxes(layer, runner.current().mode)));
      cuda::check(cudaMemcpyAsync(to, from.data(), from.bytes(), cudaMemcpyDeviceToDevice, stream), "cudaMemcpyAsync");
    };
  }
};

BOOST_AUTO_TEST_SUITE(cuda_networks, *needs_gpu())

BOOST_DATA_TEST_CASE(outputs_and_gradients_are_those_of_the_layers_one_by_one,
                     boost::unit_test::data::make(network_cases())) {
  const random_network n(sample);
  const network_reference reference(n);
  const variable_layout layout = lay_out(n.net);
  const auto runner = cuda::make_runner(n.net, layout, precision::fp32);
  fixed_regions regions(*runner, n);
  const on_device<float> images(n.images), values(n.store(layout));
  const on_device<float> gradients(
      std::vector<float>(static_cast<std::size_t>(layout.trainable_floats), std::nanf("")));
  const on_device<std::uint64_t> step(std::vector<std::uint64_t>{1});
  const int outputs = static_cast<int>(n.net.outputs.size());
  for (const run_mode mode : {run_mode::infer, run_mode::train}) {
    runner->use_plan(n.batch, n.size, mode);
    runner->read_images(nullptr, images.data());
    runner->forward(nullptr, values.data(), {7, step.data()});
    for (int o = 0; o < outputs; ++o) {
      const network_output& output = n.net.outputs[static_cast<std::size_t>(o)];
      if (!output.wanted(mode)) continue;
      std::vector<float> found(static_cast<std::size_t>(n.elements(output, mode)));
      cuda::check(cudaMemcpy(found.data(), runner->output(o), found.size() * sizeof(float), cudaMemcpyDeviceToHost),
                  "cudaMemcpy");
      check_network(found, reference.output(o, mode == run_mode::train), 2e-5, "output");
    }
  }
  for (int o = 0; o < outputs; ++o) {
    const std::vector<float>& sent = n.gradients[static_cast<std::size_t>(o)];
    if (sent.empty()) continue;
    cuda::check(
        cudaMemcpy(runner->output_gradient(o), sent.data(), sent.size() * sizeof(float), cudaMemcpyHostToDevice),
        "cudaMemcpy");
  }
  runner->backward(nullptr, values.data(), gradients.data());
  check_gradients(n, layout, gradients.host(), 1e-4);
}

BOOST_AUTO_TEST_CASE(boxes_are_floats_in_every_precision) {
  const network_case cropping{"crops", {9, 8}, [](network& net) {
                                using namespace detail_networks;
                                const int map = conv(net, 0, "a", 4, 3, bare);
                                const int boxes = net.regions({}, {9, 9}, "boxes");
                                output(net, net.crop_and_resize(map, boxes, {3, 4}, "crops"));
                                net.outputs.push_back({.name = "boxes", .columns = 4, .layers = {boxes}});
                              }};
  const random_network n(cropping);
  const variable_layout layout = lay_out(n.net);
  const auto runner = cuda::make_runner(n.net, layout, precision::bf16);
  fixed_regions regions(*runner, n);
  const on_device<float> images(n.images), values(n.store(layout));
  const on_device<std::uint64_t> step(std::vector<std::uint64_t>{1});
  runner->keep_all(true);
  runner->use_plan(n.batch, n.size, run_mode::infer);
  runner->read_images(nullptr, images.data());
  runner->forward(nullptr, values.data(), {7, step.data()});
  const network_reference reference(n);
  const std::vector<double> expected = reference.output(1, false);
  const std::vector<float> boxes(expected.begin(), expected.end());
  BOOST_TEST(runner->values_of(2) == boxes, boost::test_tools::per_element());
  BOOST_TEST(fetched(runner->output(1), boxes.size()) == boxes, boost::test_tools::per_element());
  const auto size = static_cast<std::size_t>(n.elements(n.net.outputs[0], run_mode::infer));
  check_network(fetched(runner->output(0), size), reference.output(0, false), 2e-2, "output");
  runner->choose_regions = {};
  BOOST_CHECK_EXCEPTION(runner->forward(nullptr, values.data(), {7, step.data()}), error, [](const error& e) {
    return std::string_view(e.what()).find("boxes: nobody chooses the boxes of this layer") != std::string_view::npos;
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
