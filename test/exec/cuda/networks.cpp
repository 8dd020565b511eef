// SPDX-License-Identifier: MIT
// The table of networks on a GPU.
#include "exec/networks.hpp"

#include "exec/cuda/device.hpp"

#include <odt/exec/cuda/runner.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

namespace odt::test {
namespace {

BOOST_AUTO_TEST_SUITE(cuda_networks, *needs_gpu())

BOOST_DATA_TEST_CASE(outputs_and_gradients_are_those_of_the_layers_one_by_one,
                     boost::unit_test::data::make(network_cases())) {
  const random_network n(sample);
  const network_reference reference(n);
  const variable_layout layout = lay_out(n.net);
  const auto runner = cuda::make_runner(n.net, layout, precision::fp32);
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
      std::vector<float> found(n.gradients[static_cast<std::size_t>(o)].size());
      cuda::check(cudaMemcpy(found.data(), runner->output(o), found.size() * sizeof(float), cudaMemcpyDeviceToHost),
                  "cudaMemcpy");
      check_network(found, reference.output(o, mode == run_mode::train), 2e-5, "output");
    }
  }
  for (int o = 0; o < outputs; ++o) {
    const std::vector<float>& sent = n.gradients[static_cast<std::size_t>(o)];
    cuda::check(
        cudaMemcpy(runner->output_gradient(o), sent.data(), sent.size() * sizeof(float), cudaMemcpyHostToDevice),
        "cudaMemcpy");
  }
  runner->backward(nullptr, values.data(), gradients.data());
  check_gradients(n, layout, gradients.host(), 1e-4);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
