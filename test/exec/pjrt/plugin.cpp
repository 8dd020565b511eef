// SPDX-License-Identifier: MIT
#include "exec/pjrt/plugin.hpp"

#include "scratch.hpp"

#include <odt/exec/pjrt/c_api.hpp>
#include <odt/exec/pjrt/traced.hpp>

#include <array>
#include <cmath>
#include <fstream>
#include <numeric>

namespace odt::test {
namespace {

using pjrt::element_type;
using pjrt::extents;
using pjrt::module_builder;
using pjrt::tensor;

/// What a module of one argument and one result makes of numbers.
std::vector<float> run(module_builder& m, std::span<const float> values, const extents& shape, std::size_t results) {
  const auto program = pjrt_client().compile(m.text(), 1, 1);
  const auto out = program->run({{pjrt_client().upload(values, shape, 0)}});
  std::vector<float> read(results);
  pjrt_client().download(*out[0][0], read);
  return read;
}

BOOST_AUTO_TEST_SUITE(pjrt_plugin_tests)

BOOST_AUTO_TEST_CASE(what_is_no_plugin_is_told_apart) {
  const scratch_directory at;
  check_error([&] { pjrt::plugin_of_device("pjrt:" + at.path() + "/none.so"); }, {"pjrt:", "none.so", "no file"});
  std::ofstream(at / "text.so") << "no library";
  check_error([&] { pjrt::load_plugin(at / "text.so"); }, {"text.so", "cannot be loaded"});
  check_error([&] { pjrt::load_plugin("libm.so.6"); }, {"libm.so.6", "no PJRT plugin", "GetPjrtApi"});
}

BOOST_AUTO_TEST_CASE(devices_are_found) {
  if (!has_pjrt_plugin()) return;
  BOOST_TEST(pjrt_client().platform() == "cpu");
  BOOST_TEST(pjrt_client().device_count() >= 1);
}

BOOST_AUTO_TEST_CASE(numbers_become_operations) {
  if (!has_pjrt_plugin()) return;
  module_builder m;
  const pjrt::traced x(m, m.argument(element_type::f32, {2, 3}));
  const pjrt::traced rows(m, m.iota({2, 1}, 0));
  const pjrt::traced y = select(x > pjrt::traced(0), exp(x) * (rows + pjrt::traced(1)), log1p(abs(x)));
  m.result(y.in(m));
  const std::array<float, 6> values{-1, 0, 1, 2, -3, 0.5f};
  const std::vector<float> got = run(m, values, {2, 3}, 6);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float v = values[i], row = i < 3 ? 1 : 2;
    BOOST_TEST(got[i] == (v > 0 ? std::exp(v) * row : std::log1p(std::abs(v))), boost::test_tools::tolerance(1e-6f));
  }
}

BOOST_AUTO_TEST_CASE(arrays_are_written_bit_by_bit) {
  if (!has_pjrt_plugin()) return;
  const std::array<float, 4> odd{1e-37f, -0.0f, 3.1415927f, 16777217.0f};
  module_builder m;
  const tensor x = m.argument(element_type::f32, {4});
  m.result(m.binary("add", x, m.constant(odd, {4})));
  const std::vector<float> got = run(m, std::array<float, 4>{}, {4}, 4);
  BOOST_TEST(got == std::vector<float>(odd.begin(), odd.end()), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_go_together_are_named) {
  module_builder m;
  const tensor a = m.argument(element_type::f32, {2, 3}), b = m.argument(element_type::f32, {2, 4});
  check_error([&] { m.binary("add", a, b); }, {"tensor<2x3xf32>", "tensor<2x4xf32>"});
}

BOOST_AUTO_TEST_CASE(what_the_compiler_says_is_passed_on) {
  if (!has_pjrt_plugin()) return;
  check_error([] { pjrt_client().compile("module { no operation }", 1, 1); },
              {pjrt_plugin().string(), "does not compile the step"});
  module_builder m;
  m.result(m.argument(element_type::f32, {1}));
  check_error([&] { pjrt_client().compile(m.text(), 1000, 1); }, {"too few for 1000 shards", "--shards"});
}

BOOST_AUTO_TEST_CASE(replicas_add_up) {
  if (!has_pjrt_plugin()) return;
  if (pjrt_client().device_count() < 2) {
    BOOST_TEST_MESSAGE("skipped: the plugin has one device");
    return;
  }
  module_builder m(2);
  m.result(m.sum_over_replicas(m.argument(element_type::f32, {2})));
  const auto program = pjrt_client().compile(m.text(), 2, 1);
  const std::array<float, 2> first{1, 2}, second{10, 20};
  const auto out = program->run({{pjrt_client().upload(first, {2}, 0)}, {pjrt_client().upload(second, {2}, 1)}});
  for (const auto& of_replica : out) {
    std::vector<float> got(2);
    pjrt_client().download(*of_replica[0], got);
    BOOST_TEST(got == (std::vector<float>{11, 22}), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
