// SPDX-License-Identifier: MIT
// What the contract accepts, and its laws for every optimizer.
#include <odt/exec/cpu/machine/simd.hpp>
#include <odt/optimizers/adam.hpp>
#include <odt/optimizers/momentum.hpp>
#include <odt/optimizers/rms_prop.hpp>

#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>

namespace {

struct conforming {
  static constexpr std::string_view name = "conforming";
  static constexpr std::array<odt::optimizer_slot, 0> slots{};
  static constexpr std::array<odt::optimizer_scalar, 0> scalars{};
  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };
  options opts{};
  float rate(float learning_rate, const std::array<float, 0>&) const { return learning_rate; }
  void advance(std::array<float, 0>&) const {}
  template <class T>
  void update(T& value, const T& gradient, const T& rate, std::array<T, 0>&) const {
    value = value - rate * gradient;
  }
};

struct without_slots : conforming {
  static constexpr int slots = 0;
};

struct only_double : conforming {
  void update(double&, const double&, const double&, std::array<double, 0>&) const {}
};

static_assert(odt::optimizer<conforming>);
static_assert(!odt::optimizer<without_slots>);
static_assert(!odt::optimizer<only_double>);
static_assert(!odt::optimizer<int>);

using optimizers = boost::mpl::list<odt::rms_prop, odt::momentum, odt::adam>;

template <class O, class T>
odt::optimizer_slots<O, T> fresh() {
  odt::optimizer_slots<O, T> slots;
  for (std::size_t i = 0; i < slots.size(); ++i) slots[i] = T(O::slots[i].initial);
  return slots;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(optimizer_tests)

BOOST_AUTO_TEST_CASE_TEMPLATE(without_a_gradient_nothing_moves, O, optimizers) {
  static_assert(odt::optimizer<O>);
  auto slots = fresh<O, float>();
  float value = 2;
  for (int step = 0; step < 5; ++step) O{}.update(value, 0.0f, 0.1f, slots);
  BOOST_TEST(value == 2);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_first_step_goes_against_the_gradient, O, optimizers) {
  for (const float gradient : {-3.0f, 0.001f, 100.0f}) {
    auto slots = fresh<O, float>();
    float value = 0;
    O{}.update(value, gradient, 0.1f, slots);
    BOOST_TEST((value < 0) == (gradient > 0));
    BOOST_TEST(value != 0);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_parabola_is_descended, O, optimizers) {
  auto slots = fresh<O, double>();
  auto scalars = odt::initial_scalars<O>();
  const O how;
  double value = 5;
  for (int step = 0; step < 2000; ++step) {
    how.update(value, 2 * (value - 1), double{how.rate(0.01f, scalars)}, slots);
    how.advance(scalars);
  }
  BOOST_TEST(std::abs(value - 1) < 1e-2);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(vectors_do_what_floats_do, O, optimizers) {
  auto of_float = fresh<O, float>();
  auto of_vector = fresh<O, odt::cpu::vec>();
  float value = 1;
  odt::cpu::vec values(1.0f);
  for (int step = 0; step < 10; ++step) {
    const float gradient = 0.3f * static_cast<float>(step) - 1;
    O{}.update(value, gradient, 0.1f, of_float);
    O{}.update(values, odt::cpu::vec(gradient), odt::cpu::vec(0.1f), of_vector);
    BOOST_TEST(odt::cpu::largest(values) == value, boost::test_tools::tolerance(1e-6f));
    BOOST_TEST(odt::cpu::smallest(values) == value, boost::test_tools::tolerance(1e-6f));
  }
}

BOOST_AUTO_TEST_SUITE_END()
