// SPDX-License-Identifier: MIT
#include "exec/networks.hpp"
#include "exec/pjrt/plugin.hpp"

#include <odt/exec/pjrt/network_trace.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <algorithm>

namespace odt::test {
namespace {

/// A case as a module: images, variables and the outputs' gradients to outputs and the variables' gradients.
struct traced_case : random_network {
  pjrt::module_builder module;
  std::vector<std::shared_ptr<pjrt::device_array>> arguments;
  std::vector<int> outputs;                 ///< of the network, in the results' order
  std::vector<std::size_t> differentiated;  ///< variables, behind them

  explicit traced_case(const network_case& c) : random_network(c) {
    const pjrt::tensor pictures = argument(images, {batch, size.height, size.width, 3});
    std::vector<pjrt::tensor> values;
    for (std::size_t v = 0; v < variables.size(); ++v)
      values.push_back(argument(variables[v], {net.variables[v].shape.begin(), net.variables[v].shape.end()}));
    pjrt::network_trace trace(module, net, values, run_mode::train);
    trace.forward(pictures);
    std::vector<pjrt::tensor> given;
    for (int o = 0; o < static_cast<int>(net.outputs.size()); ++o) {
      const network_output& of = net.outputs[static_cast<std::size_t>(o)];
      if (!of.wanted(run_mode::train)) continue;
      outputs.push_back(o);
      module.result(trace.output(o));
      given.push_back(argument(gradients[static_cast<std::size_t>(o)], trace.output(o).shape));
    }
    trace.backward(given);
    for (std::size_t v = 0; v < variables.size(); ++v)
      if (const pjrt::tensor& g = trace.gradients()[v]; g.given()) module.result(g), differentiated.push_back(v);
  }

  pjrt::tensor argument(std::span<const float> values, const pjrt::extents& shape) {
    arguments.push_back(pjrt_client().upload(values, shape, 0));
    return module.argument(pjrt::element_type::f32, shape);
  }
};

bool has_no_regions(const network& net) {
  return std::ranges::none_of(net.layers, [](const layer& l) {
    return l.kind == layer_kind::regions || l.kind == layer_kind::crop_and_resize ||
           l.kind == layer_kind::position_sensitive_crop || l.border == padding::shifted;
  });
}

BOOST_AUTO_TEST_SUITE(pjrt_network_tests)

BOOST_DATA_TEST_CASE(outputs_and_gradients_are_those_of_the_layers_one_by_one,
                     boost::unit_test::data::make(network_cases())) {
  if (!has_pjrt_plugin()) return;
  network net;
  sample.build(net);
  if (!has_no_regions(net)) {
    BOOST_CHECK_EXCEPTION(traced_case{sample}, error,
                          [](const error& e) { return std::string_view(e.what()).starts_with("layer "); });
    return;
  }
  traced_case n(sample);
  const auto program = pjrt_client().compile(n.module.text(), 1, n.module.result_count());
  const auto results = program->run({n.arguments})[0];
  const network_reference reference(n);
  std::size_t number = 0;
  const auto read = [&](std::size_t size) {
    std::vector<float> values(size);
    pjrt_client().download(*results[number++], values);
    return values;
  };
  for (const int o : n.outputs) {
    const std::vector<double> expected = reference.output(o, true);
    check_network(read(expected.size()), expected, 2e-5, "output");
  }
  const variable_layout layout = lay_out(n.net);
  std::vector<float> gradients(static_cast<std::size_t>(layout.floats));
  for (const std::size_t v : n.differentiated)
    std::ranges::copy(read(n.variables[v].size()), gradients.begin() + layout.offsets[v]);
  check_gradients(n, layout, gradients, 1e-4);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
