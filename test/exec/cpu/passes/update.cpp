// SPDX-License-Identifier: MIT
#include <odt/exec/cpu/passes/update.hpp>

#include <golden.hpp>
#include <odt/core/random.hpp>
#include <odt/nn/variable_filter.hpp>
#include <odt/optimizers/adam.hpp>
#include <odt/optimizers/momentum.hpp>
#include <odt/optimizers/rms_prop.hpp>

#include <limits>
#include <string>
#include <vector>

namespace {

namespace cpu = odt::cpu;

/// A few variables one after the other, padded with zeros to cache lines as a layout does.
struct store {
  std::vector<odt::variable> variables;
  std::vector<float> values, gradients;

  void add(odt::variable v, const std::vector<double>& value, const std::vector<double>& gradient) {
    v.offset = static_cast<std::int64_t>(values.size());
    v.size = static_cast<std::int64_t>(value.size());
    values.insert(values.end(), value.begin(), value.end());
    gradients.insert(gradients.end(), gradient.begin(), gradient.end());
    while (values.size() % 16 != 0) values.push_back(0), gradients.push_back(0);
    variables.push_back(std::move(v));
  }
  std::vector<float> of(const odt::variable& v, const std::vector<float>& from) const {
    return {from.begin() + v.offset, from.begin() + v.offset + v.size};
  }
};

template <class O>
odt::update_report step(store& s, const O& how, const odt::update_options& options, odt::thread_pool& pool,
                        std::vector<std::vector<float>>& slots, std::vector<float>& averages, float rate = 1) {
  cpu::update_plan plan(odt::cut(s.variables, static_cast<std::int64_t>(s.values.size())));
  auto scalars = odt::initial_scalars<O>();
  slots.resize(O::slots.size());
  averages = s.values;
  cpu::update_stores stores{s.values.data(), s.gradients.data(), {}, options.average ? averages.data() : nullptr};
  for (std::size_t i = 0; i < slots.size(); ++i) {
    slots[i].assign(s.values.size(), O::slots[i].initial);
    stores.slots.push_back(slots[i].data());
  }
  return cpu::update(pool, how, scalars, options, rate, plan, stores);
}

/// What reaches the optimizer: momentum's accumulator after one step.
std::vector<float> gradients_seen(store s, const odt::update_options& options, odt::update_report* report = nullptr) {
  odt::thread_pool pool(1);
  std::vector<std::vector<float>> slots;
  std::vector<float> averages;
  const auto r = step(s, odt::momentum{}, options, pool, slots, averages);
  if (report) *report = r;
  return slots[0];
}

store random_store(int variables, bool frozen_too = false) {
  odt::random_stream random(11);
  store s;
  for (int i = 0; i < variables; ++i) {
    const auto size = static_cast<std::size_t>(random.integer(1, 40000));
    std::vector<double> value(size), gradient(size);
    for (double& v : value) v = random.normal();
    for (double& g : gradient) g = random.normal();
    odt::variable v{.name = std::to_string(i)};
    if (i % 3 == 1) v.penalty = odt::regularizer::l2(4e-5f);
    if (i % 3 == 2) v.penalty = odt::regularizer::l1(1e-3f);
    if (i % 4 == 3) v.gradient_multiplier = 2;
    if (frozen_too && i % 5 == 4) v.trainable = false;
    s.add(std::move(v), value, gradient);
  }
  return s;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(update_tests)

BOOST_AUTO_TEST_CASE(clipping_and_multipliers_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/optimizers/gradients")) {
  for (const auto& c : odt::test::golden_cases("optimizers/gradients")) {
    const bool clips = c.params().contains("gradient_clipping_by_norm");
    if (clips && c.params().value("program", "legacy train") == "legacy train") {
      BOOST_TEST_MESSAGE("SKIPPED, legacy train's clipping of each gradient by itself: " << c.name());
      continue;
    }
    store s;
    const auto& inputs = c.content["inputs"];
    for (std::size_t i = 0; i < inputs["variables"].size(); ++i)
      s.add({.name = inputs["variables"][i].get<std::string>()}, c.to_array(inputs["values"][i]).values,
            c.to_array(inputs["gradients"][i]).values);
    odt::multiply_bias_gradients(s.variables, c.params().value("bias_grad_multiplier", 0.0f));
    odt::select_trainable(s.variables, {}, c.params().value("freeze_variables", std::vector<std::string>{}));
    const auto seen = gradients_seen(s, {.clip_norm = c.params().value("gradient_clipping_by_norm", 0.0f)});
    const auto& outputs = c.content["outputs"];
    for (const auto& v : s.variables) {
      const auto& names = outputs["variables"];
      const auto at = std::find(names.begin(), names.end(), std::string(v.name));
      BOOST_TEST(v.trainable == (at != names.end()));
      if (at == names.end()) continue;
      const auto expected = c.to_array(outputs["gradients"][static_cast<std::size_t>(at - names.begin())]);
      odt::test::check_close(s.of(v, seen), expected, c, v.name);
    }
  }
}

BOOST_AUTO_TEST_CASE(regularizers_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/optimizers/regularizer")) {
  for (const auto& c : odt::test::golden_cases("optimizers/regularizer")) {
    const auto weight = c.params().at("weight").get<float>();
    const auto values = c.in("weights").values;
    store s;
    s.add(
        {.penalty = c.params().at("regularizer") == "l2" ? odt::regularizer::l2(weight) : odt::regularizer::l1(weight)},
        values, std::vector<double>(values.size()));
    odt::update_report report;
    const auto seen = gradients_seen(s, {}, &report);
    odt::test::check_close(s.of(s.variables[0], seen), c.out("gradient"), c, "gradient");
    odt::test::check_close(std::vector{report.regularization_loss}, c.out("loss"), c, "loss");
  }
}

BOOST_AUTO_TEST_CASE(the_report_has_norm_and_regularization_of_what_counts) {
  store s;
  s.add({.penalty = odt::regularizer::l2(0.5f)}, {2, -2}, {0, 0});                  // loss 0.5 * 8 / 2, gradient 1, -1
  s.add({.penalty = odt::regularizer::l1(0.25f), .trainable = false}, {4}, {100});  // loss 1, frozen
  s.add({.gradient_multiplier = 3}, {0}, {1});
  odt::update_report report;
  gradients_seen(s, {}, &report);
  BOOST_TEST(report.regularization_loss == 3);
  BOOST_TEST(report.gradient_norm == std::sqrt(11.0));
  gradients_seen(s, {.regularize = false}, &report);
  BOOST_TEST(report.regularization_loss == 0);
  BOOST_TEST(report.gradient_norm == 3);
}

BOOST_AUTO_TEST_CASE(norm_and_regularization_are_accurate_to_1e_6) {
  const store s = random_store(12);
  double squares = 0, penalty = 0;
  for (const auto& v : s.variables)
    for (auto i = static_cast<std::size_t>(v.offset); i < static_cast<std::size_t>(v.offset + v.size); ++i) {
      const double w = s.values[i], weight = v.penalty.weight;
      const bool l1 = v.penalty.kind == odt::penalty_kind::l1;
      penalty += weight * (l1 ? std::abs(w) : w * w / 2);
      const double g = (s.gradients[i] + weight * (l1 ? (w > 0) - (w < 0) : w)) * v.gradient_multiplier;
      squares += g * g;
    }
  odt::update_report report;
  gradients_seen(s, {}, &report);
  BOOST_TEST(report.gradient_norm == std::sqrt(squares), boost::test_tools::tolerance(1e-6));
  BOOST_TEST(report.regularization_loss == penalty, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(any_number_of_threads_gives_the_same_bits) {
  std::vector<std::vector<float>> first_slots, slots;
  std::vector<float> first_averages, averages;
  store first = random_store(12, true);
  odt::thread_pool one(1);
  const odt::update_options options{.clip_norm = 10, .average = true};
  const auto report = step(first, odt::rms_prop{}, options, one, first_slots, first_averages, 0.01f);
  BOOST_TEST(report.finite);
  for (const int threads : {2, 3, 7}) {
    store s = random_store(12, true);
    odt::thread_pool pool(threads);
    const auto r = step(s, odt::rms_prop{}, options, pool, slots, averages, 0.01f);
    BOOST_TEST(r.gradient_norm == report.gradient_norm);
    BOOST_TEST(r.regularization_loss == report.regularization_loss);
    BOOST_TEST(s.values == first.values);
    BOOST_TEST(slots == first_slots);
    BOOST_TEST(averages == first_averages);
  }
}

BOOST_AUTO_TEST_CASE(frozen_variables_and_padding_stay_as_they_are) {
  const store before = random_store(10, true);
  store s = before;
  odt::thread_pool pool(2);
  std::vector<std::vector<float>> slots;
  std::vector<float> averages;
  step(s, odt::adam{}, {.average = true}, pool, slots, averages, 0.1f);
  std::vector<char> may_move(s.values.size());
  for (const auto& v : s.variables)
    if (v.trainable) std::fill_n(may_move.begin() + v.offset, v.size, 1);
  std::size_t moved = 0;
  for (std::size_t i = 0; i < s.values.size(); ++i) {
    moved += s.values[i] != before.values[i];
    if (!may_move[i]) BOOST_REQUIRE(s.values[i] == before.values[i] && averages[i] == before.values[i]);
  }
  BOOST_TEST(moved > 1000u);
}

BOOST_AUTO_TEST_CASE(a_gradient_that_is_not_finite_changes_nothing) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const store before = random_store(3);
    store s = before;
    s.gradients[5] = bad;
    odt::thread_pool pool(1);
    std::vector<std::vector<float>> slots;
    std::vector<float> averages;
    const auto report = step(s, odt::adam{}, {.clip_norm = 1, .average = true}, pool, slots, averages);
    BOOST_TEST(!report.finite);
    BOOST_TEST(s.values == before.values);
    BOOST_TEST(averages == before.values);
    BOOST_TEST(slots[1] == std::vector<float>(s.values.size()));
  }
}

BOOST_AUTO_TEST_CASE(the_regularization_loss_can_be_had_by_itself) {
  const store s = random_store(9, true);
  odt::thread_pool pool(1);
  odt::update_report report;
  gradients_seen(s, {}, &report);
  cpu::update_plan plan(odt::cut(s.variables, static_cast<std::int64_t>(s.values.size())));
  BOOST_TEST(cpu::regularization_loss(pool, plan, s.values.data()) == report.regularization_loss,
             boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_SUITE_END()
