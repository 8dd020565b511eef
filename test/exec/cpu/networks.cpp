// SPDX-License-Identifier: MIT
#include "exec/networks.hpp"
#include "distributed/thread_transport.hpp"

#include <odt/exec/cpu/runner.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace odt::test {
namespace {

/// A case with its runner.
struct cpu_network : random_network {
  variable_layout layout = lay_out(net);
  std::vector<float> values = store(layout), sums;
  thread_pool pool{2};
  cpu::runner runner{net, layout, pool};

  explicit cpu_network(const network_case& c) : cpu_network(random_network(c)) {}
  explicit cpu_network(random_network n) : random_network(std::move(n)) {
    sums.resize(static_cast<std::size_t>(layout.trainable_floats), std::nanf(""));
    runner.choose_regions = [this](int layer, boxf* to) { std::ranges::copy(boxes(layer, runner.current().mode), to); };
  }

  void forward(run_mode mode) {
    runner.use_plan(batch, size, mode);
    std::ranges::copy(images, runner.images());
    runner.forward(values.data(), {});
  }

  std::vector<float> output(int number) {
    const float* first = runner.output(number);
    return {first, first + runner.current().output(number).elements()};
  }
};

BOOST_AUTO_TEST_SUITE(network_tests)

BOOST_DATA_TEST_CASE(outputs_and_gradients_are_those_of_the_layers_one_by_one,
                     boost::unit_test::data::make(network_cases())) {
  cpu_network n(sample);
  const network_reference reference(n);
  for (const run_mode mode : {run_mode::infer, run_mode::train}) {
    const bool train = mode == run_mode::train;
    n.forward(mode);
    for (int o = 0; o < static_cast<int>(n.net.outputs.size()); ++o)
      if (n.net.outputs[static_cast<std::size_t>(o)].wanted(mode))
        check_network(n.output(o), reference.output(o, train), 2e-5, train ? "trained output" : "output");
  }
  for (int o = 0; o < static_cast<int>(n.net.outputs.size()); ++o)
    if (n.net.outputs[static_cast<std::size_t>(o)].wanted(run_mode::train))
      std::ranges::copy(n.gradients[static_cast<std::size_t>(o)], n.runner.output_gradient(o));
  n.runner.backward(n.values.data(), n.sums.data());
  check_gradients(n, n.layout, n.sums, 1e-4);
}

/// Half of a case's pictures.
random_network half_of(const random_network& whole, int part) {
  random_network half = whole;
  half.batch = whole.batch / 2;
  const auto cut = [part](std::vector<float>& values) {
    const auto size = static_cast<std::ptrdiff_t>(values.size() / 2);
    values = std::vector<float>(values.begin() + part * size, values.begin() + (part + 1) * size);
  };
  cut(half.images);
  for (std::vector<float>& g : half.gradients) cut(g);
  return half;
}

/// Two runners that add up their norms' statistics are one of both batches.
BOOST_DATA_TEST_CASE(norms_can_share_their_statistics, boost::unit_test::data::make(network_cases())) {
  const random_network whole(sample);
  if (std::ranges::any_of(whole.net.layers, [](const layer& l) { return l.kind == layer_kind::regions; })) return;
  const network_reference reference(whole);
  const variable_layout layout = lay_out(whole.net);
  std::vector<float> sums(static_cast<std::size_t>(layout.trainable_floats));
  std::vector<std::vector<float>> outputs(whole.net.outputs.size());
  std::mutex mutex;
  run_ranks(2, 1000, [&](communicator& ranks) {
    cpu_network n(half_of(whole, ranks.rank()));
    n.runner.sum_over_ranks = [&ranks](std::span<double> numbers) { odt::sum_over_ranks(&ranks, numbers); };
    n.forward(run_mode::train);
    std::vector<std::vector<float>> own(outputs.size());
    for (std::size_t o = 0; o < own.size(); ++o) {
      if (!n.net.outputs[o].wanted(run_mode::train)) continue;
      own[o] = n.output(static_cast<int>(o));
      std::ranges::copy(n.gradients[o], n.runner.output_gradient(static_cast<int>(o)));
    }
    std::ranges::fill(n.sums, 0.0f);
    n.runner.backward(n.values.data(), n.sums.data());
    const std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += n.sums[i];
    for (std::size_t o = 0; o < own.size(); ++o)
      outputs[o].insert(ranks.rank() == 0 ? outputs[o].begin() : outputs[o].end(), own[o].begin(), own[o].end());
  });
  for (std::size_t o = 0; o < outputs.size(); ++o)
    if (!outputs[o].empty()) check_network(outputs[o], reference.output(static_cast<int>(o), true), 2e-5, "output");
  check_gradients(whole, layout, sums, 1e-4);
}

BOOST_AUTO_TEST_CASE(regions_that_nobody_chooses_are_named) {
  const auto cases = network_cases();
  const auto crops = std::ranges::find(cases, "crops of a map that is read beside", &network_case::name);
  BOOST_REQUIRE(crops != cases.end());
  cpu_network n(*crops);
  n.runner.choose_regions = {};
  BOOST_CHECK_EXCEPTION(n.forward(run_mode::infer), error, [](const error& e) {
    return std::string_view(e.what()).find("boxes: nobody chooses the boxes of this layer") != std::string_view::npos;
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
