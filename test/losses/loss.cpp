// SPDX-License-Identifier: MIT
// What the contract accepts, and its laws for every loss.
#include <odt/core/random.hpp>
#include <odt/losses/bootstrapped_sigmoid.hpp>
#include <odt/losses/focal.hpp>
#include <odt/losses/l1.hpp>
#include <odt/losses/l2.hpp>
#include <odt/losses/logits_softmax.hpp>
#include <odt/losses/sigmoid.hpp>
#include <odt/losses/smooth_l1.hpp>
#include <odt/losses/softmax.hpp>

#include <boost/mpl/list.hpp>
#include <losses/golden_loss.hpp>

namespace {

struct no_options {
  static constexpr void fields(auto&, auto&&) {}
};

struct elementwise {
  static constexpr std::string_view name = "elementwise";
  static constexpr odt::loss_kind kind = odt::loss_kind::localization;
  using options = no_options;
  options opts{};
  template <class T>
  constexpr odt::loss_term<T> element(const T& x, const T& target, const T& weight) const {
    return {(x - target) * weight, weight};
  }
};

struct rowwise {
  static constexpr std::string_view name = "rowwise";
  static constexpr odt::loss_kind kind = odt::loss_kind::classification;
  static constexpr std::array<odt::row_fold, 1> folds{odt::row_fold::sum};
  using options = no_options;
  options opts{};
  template <std::size_t I, class T>
  constexpr T fold_term(const T& x, const T&, const odt::row_folds<T, 1>&) const {
    return x;
  }
  template <class T>
  constexpr odt::loss_term<T> element(const T& x, const T&, const T& w, const odt::row_folds<T, 1>& row) const {
    return {x * row[0] * w, row[0] * w};
  }
};

struct no_gradient : elementwise {
  template <class T>
  constexpr T element(const T& x, const T&, const T&) const {
    return x;
  }
};

struct folds_without_terms {
  static constexpr std::string_view name = "folds_without_terms";
  static constexpr odt::loss_kind kind = odt::loss_kind::classification;
  static constexpr std::array<odt::row_fold, 1> folds{odt::row_fold::sum};
  using options = no_options;
  options opts{};
};

struct of_no_kind {
  static constexpr std::string_view name = "of_no_kind";
  using options = no_options;
  options opts{};
  template <class T>
  constexpr odt::loss_term<T> element(const T& x, const T&, const T& w) const {
    return {x, w};
  }
};

static_assert(odt::localization_loss<elementwise> && !odt::classification_loss<elementwise>);
static_assert(odt::classification_loss<rowwise> && !odt::localization_loss<rowwise>);
static_assert(!odt::loss<no_gradient>);
static_assert(!odt::loss<folds_without_terms>);
static_assert(!odt::loss<of_no_kind>);
static_assert(!odt::loss<int>);
static_assert(odt::fold_count<elementwise> == 0 && odt::fold_count<odt::weighted_softmax> == 2);

using losses = boost::mpl::list<odt::weighted_sigmoid, odt::weighted_softmax, odt::weighted_logits_softmax,
                                odt::weighted_sigmoid_focal, odt::bootstrapped_sigmoid, odt::weighted_smooth_l1,
                                odt::weighted_l2, odt::l1_localization_loss>;

constexpr int columns = 5;

struct row {
  std::vector<double> predictions, targets;
};

row random_row(odt::random_stream& random) {
  row r{std::vector<double>(columns), std::vector<double>(columns)};
  double sum = 0;
  for (std::size_t i = 0; i < columns; ++i) {
    r.predictions[i] = random.uniform(-4, 4);
    sum += r.targets[i] = random.uniform(0.05f, 1);
  }
  for (double& target : r.targets) target /= sum;
  return r;
}

template <class T, class L>
odt::test::loss_result cost(const L& loss, const row& r, double weight) {
  return odt::test::costs_of<T>(loss, columns, r.predictions, r.targets, {weight});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(loss_tests)

BOOST_AUTO_TEST_CASE_TEMPLATE(the_derivative_is_the_slope_of_the_cost, L, losses) {
  odt::random_stream random(1);
  const L loss;
  for (int round = 0; round < 50; ++round) {
    const row r = random_row(random);
    const auto result = cost<double>(loss, r, 0.7);
    for (std::size_t i = 0; i < columns; ++i) {
      row above = r, below = r;
      constexpr double h = 1e-5;
      above.predictions[i] += h, below.predictions[i] -= h;
      const double slope =
          (cost<double>(loss, above, 0.7).costs[0] - cost<double>(loss, below, 0.7).costs[0]) / (2 * h);
      BOOST_TEST(std::abs(result.gradients[i] - slope) <= 1e-6 + 1e-5 * std::abs(slope),
                 L::name << ": " << result.gradients[i] << ", slope " << slope);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_weight_of_zero_costs_nothing, L, losses) {
  odt::random_stream random(2);
  const auto result = cost<float>(L{}, random_row(random), 0);
  BOOST_TEST(result.costs[0] == 0);
  for (const double g : result.gradients) BOOST_TEST(g == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(costs_are_not_negative, L, losses) {
  odt::random_stream random(3);
  for (int round = 0; round < 100; ++round) BOOST_TEST(cost<float>(L{}, random_row(random), 1).costs[0] >= 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(vectors_and_floats_agree_with_doubles, L, losses) {
  odt::random_stream random(4);
  std::vector<double> predictions, targets, weights;
  for (int i = 0; i < 37; ++i) {
    const row r = random_row(random);
    predictions.insert(predictions.end(), r.predictions.begin(), r.predictions.end());
    targets.insert(targets.end(), r.targets.begin(), r.targets.end());
    weights.push_back(random.uniform());
  }
  const auto exact = odt::test::costs_of<double>(L{}, columns, predictions, targets, weights);
  const auto check = [&](const odt::test::loss_result& result) {
    for (std::size_t i = 0; i < exact.costs.size(); ++i)
      BOOST_TEST(std::abs(result.costs[i] - exact.costs[i]) <= 1e-6 + 1e-5 * std::abs(exact.costs[i]));
    for (std::size_t i = 0; i < exact.gradients.size(); ++i)
      BOOST_TEST(std::abs(result.gradients[i] - exact.gradients[i]) <= 1e-6 + 1e-5 * std::abs(exact.gradients[i]));
  };
  check(odt::test::costs_of<float>(L{}, columns, predictions, targets, weights));
  check(odt::test::costs_of<odt::cpu::vec>(L{}, columns, predictions, targets, weights));
}

BOOST_AUTO_TEST_SUITE_END()
