// SPDX-License-Identifier: MIT
#include <odt/nn/initializer.hpp>
#include <odt/nn/variables.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace {

struct moments {
  double mean = 0, stddev = 0, low = 0, high = 0;
};

moments fill(const odt::initializer& init, const std::vector<int>& shape) {
  std::size_t size = 1;
  for (const int extent : shape) size *= static_cast<std::size_t>(extent);
  std::vector<float> values(size);
  odt::random_stream random(7);
  odt::initialize(init, shape, random, values);
  moments m{0, 0, values[0], values[0]};
  for (const float v : values) {
    m.mean += v / static_cast<double>(size);
    m.low = std::min<double>(m.low, v), m.high = std::max<double>(m.high, v);
  }
  for (const float v : values) m.stddev += (v - m.mean) * (v - m.mean) / static_cast<double>(size);
  m.stddev = std::sqrt(m.stddev);
  return m;
}

odt::settings field(std::string name, std::string text) {
  odt::settings s;
  s.name = s.path = std::move(name);
  s.text = std::move(text);
  s.set = true;
  return s;
}

odt::settings message(std::string name, std::vector<odt::settings> children) {
  odt::settings s;
  s.name = s.path = std::move(name);
  s.message = s.set = true;
  s.children = std::move(children);
  return s;
}

const std::vector<int> kernel{3, 3, 64, 128};

}  // namespace

BOOST_AUTO_TEST_SUITE(initializer_tests)

// A normal cut at two standard deviations keeps 0.8796 of its standard deviation.
constexpr double cut = 0.87962566;

BOOST_AUTO_TEST_CASE(a_truncated_normal_has_its_moments_and_stays_within_two_standard_deviations) {
  const moments m = fill(odt::initializer::truncated_normal(0.03f, 0.5f), kernel);
  BOOST_TEST(std::abs(m.mean - 0.5) < 5e-4);
  BOOST_TEST(std::abs(m.stddev - 0.03 * cut) < 5e-4);
  BOOST_TEST(m.low >= 0.44);
  BOOST_TEST(m.high <= 0.56);
  BOOST_TEST(m.high > 0.55);
}

BOOST_AUTO_TEST_CASE(a_random_normal_has_its_moments_and_goes_beyond_two_standard_deviations) {
  const moments m = fill(odt::initializer::random_normal(0.01f), kernel);
  BOOST_TEST(std::abs(m.mean) < 2e-4);
  BOOST_TEST(std::abs(m.stddev - 0.01) < 2e-4);
  BOOST_TEST(m.high > 0.03);
}

BOOST_AUTO_TEST_CASE(variance_scaling_divides_by_the_fan) {
  using enum odt::fan_mode;
  const std::pair<odt::fan_mode, double> fans[] = {{fan_in, 576}, {fan_out, 1152}, {fan_avg, 864}};
  for (const auto& [mode, n] : fans) {
    BOOST_TEST(odt::fan(kernel, mode) == n);
    const moments normal = fill(odt::initializer::variance_scaling(2, mode, false), kernel);
    const double sigma = std::sqrt(1.3 * 2 / n);
    BOOST_TEST(std::abs(normal.stddev / (sigma * cut) - 1) < 0.01);
    BOOST_TEST(normal.high <= 2 * sigma * 1.000001);
    const moments uniform = fill(odt::initializer::variance_scaling(1, mode, true), kernel);
    const double limit = std::sqrt(3 / n);
    BOOST_TEST(std::abs(uniform.stddev / (limit / std::sqrt(3.0)) - 1) < 0.01);
    BOOST_TEST(uniform.high <= limit * 1.000001);
    BOOST_TEST(uniform.high > 0.99 * limit);
  }
}

BOOST_AUTO_TEST_CASE(a_vector_counts_as_its_own_fan) {
  BOOST_TEST(odt::fan({32}, odt::fan_mode::fan_in) == 32);
  BOOST_TEST(odt::fan({10, 20}, odt::fan_mode::fan_in) == 10);
  BOOST_TEST(odt::fan({}, odt::fan_mode::fan_avg) == 1);
}

BOOST_AUTO_TEST_CASE(messages_are_read_by_the_names_of_the_schema) {
  const auto init = odt::initializer_from(
      message("initializer", {message("truncated_normal_initializer", {field("mean", "0"), field("stddev", "0.03")})}));
  BOOST_TEST((init.kind == odt::initializer_kind::truncated_normal));
  BOOST_TEST(init.stddev == 0.03f);
  const auto scaling = odt::initializer_from(
      message("initializer", {message("variance_scaling_initializer",
                                      {field("factor", "1"), field("uniform", "true"), field("mode", "FAN_AVG")})}));
  BOOST_TEST((scaling.mode == odt::fan_mode::fan_avg));
  BOOST_TEST(scaling.uniform);
  BOOST_CHECK_EXCEPTION(odt::initializer_from(message("initializer", {})), odt::error, [](const odt::error& e) {
    return std::string_view(e.what()) ==
           "initializer: names no initializer; there are truncated_normal_initializer, random_normal_initializer, "
           "variance_scaling_initializer";
  });
  const auto l2 = odt::regularizer_from(message("regularizer", {message("l2_regularizer", {field("weight", "4e-5")})}));
  BOOST_TEST((l2.kind == odt::penalty_kind::l2));
  BOOST_TEST(l2.weight == 4e-5f);
  const auto none = odt::regularizer_from(message("regularizer", {message("l1_regularizer", {field("weight", "0")})}));
  BOOST_TEST((none.kind == odt::penalty_kind::none));
}

BOOST_AUTO_TEST_SUITE_END()
