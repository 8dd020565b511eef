// SPDX-License-Identifier: MIT
// An SSD's train step on an accelerator beside that of the CPU.
#include "exec/pjrt/plugin.hpp"
#include "exec/pjrt/small_ssd.hpp"
#include "scratch.hpp"

#include <odt/exec/pjrt/ssd_step.hpp>
#include <odt/pjrt.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <variant>
#include <vector>

using odt_test_ssd = odt::test::any_ssd;
ODT_PJRT(odt_test_ssd)

namespace odt::test {
namespace {

any_ssd make(const any_ssd::options& o, const std::string& device, int shards = 1) {
  return any_ssd(o, {.seed = 5, .threads = 1, .device = device, .shards = shards});
}
std::string accelerator() { return "pjrt:" + pjrt_plugin().string(); }

void check_reports(const step_report& a, const step_report& b, float tolerance) {
  BOOST_REQUIRE_EQUAL(a.losses.size(), b.losses.size());
  for (std::size_t i = 0; i < a.losses.size(); ++i) {
    BOOST_TEST(a.losses[i].first == b.losses[i].first);
    BOOST_TEST(a.losses[i].second == b.losses[i].second, boost::test_tools::tolerance(tolerance));
  }
  BOOST_TEST(a.gradient_norm == b.gradient_norm, boost::test_tools::tolerance(tolerance));
  BOOST_TEST((a.details == b.details));
  BOOST_TEST(a.finite == b.finite);
}

BOOST_AUTO_TEST_SUITE(pjrt_ssd_step_tests)

/// After the first step momentum's slots are the gradients, of every variable.
BOOST_AUTO_TEST_CASE(steps_are_those_of_the_cpu) {
  if (!has_pjrt_plugin()) return;
  any_ssd cpu = make(usual(), "cpu"), other = make(usual(), accelerator());
  for (int step = 0; step < 3; ++step) {
    const batch b = pictures(4 * step, 4);
    check_reports(cpu.train_step(b), other.train_step(b), 2e-4f);
    check_states(cpu, other, 1e-4);
  }
  check_reports(cpu.evaluate(pictures(50, 2)), other.evaluate(pictures(50, 2)), 2e-4f);
}

/// Over the few pixels of the last maps, rounding opens and closes gates of activations: gradients are compared layer
/// by layer (networks.cpp), here what is before them.
BOOST_AUTO_TEST_CASE(norms_of_the_batch_move_their_averages) {
  if (!has_pjrt_plugin()) return;
  for (const int shards : {1, 2}) {
    if (shards > pjrt_client().device_count()) return;
    any_ssd cpu = make(usual(true), "cpu", shards), other = make(usual(true), accelerator(), shards);
    std::vector<batch> batches;
    for (int s = 0; s < shards; ++s) batches.push_back(pictures(4 * s, 4));
    const step_report a = cpu.train_shards(batches), b = other.train_shards(batches);
    BOOST_TEST(a.total_loss == b.total_loss, boost::test_tools::tolerance(1e-4f));
    check_states(cpu, other, 1e-4, "moving_");
  }
}

BOOST_AUTO_TEST_CASE(policies_keep_their_formulas) {
  if (!has_pjrt_plugin()) return;
  const auto check = [](const any_ssd::options& o) {
    any_ssd cpu = make(o, "cpu"), other = make(o, accelerator());
    for (int step = 0; step < 2; ++step) {
      const batch b = pictures(4 * step, 4);
      check_reports(cpu.train_step(b), other.train_step(b), 2e-4f);
    }
    check_states(cpu, other, 1e-3);
  };
  any_ssd::options softmax = usual();
  softmax.classification_loss = weighted_softmax{{.logit_scale = 2}};
  softmax.optimizer = rms_prop{{.decay = 0.9f, .epsilon = 1}};
  softmax.loss.normalize_loc_loss_by_codesize = true;
  softmax.update.average = false;
  check(softmax);
  any_ssd::options sigmoid = usual();
  sigmoid.classification_loss = weighted_sigmoid{};
  sigmoid.localization_loss = weighted_l2{};
  sigmoid.optimizer = adam{{.epsilon = 1e-3f}};
  sigmoid.matcher = argmax_matcher{{.ignore_thresholds = true}};
  check(sigmoid);
}

BOOST_AUTO_TEST_CASE(a_shard_a_device_is_the_step_of_all_shards) {
  if (!has_pjrt_plugin() || pjrt_client().device_count() < 2) return;
  any_ssd cpu = make(usual(), "cpu", 2), other = make(usual(), accelerator(), 2);
  for (int step = 0; step < 2; ++step) {
    const std::vector<batch> shards{pictures(8 * step, 4), pictures(8 * step + 4, 4)};
    check_reports(cpu.train_shards(shards), other.train_shards(shards), 2e-4f);
    check_states(cpu, other, 1e-4);
  }
}

BOOST_AUTO_TEST_CASE(a_loss_that_is_not_finite_changes_nothing) {
  if (!has_pjrt_plugin()) return;
  any_ssd d = make(usual(), accelerator());
  const auto copy = [&d] {
    std::vector<float> all;
    for (const state_tensor& t : d.state()) all.insert(all.end(), t.values.begin(), t.values.end());
    return all;
  };
  d.train_step(pictures(0, 2));
  const std::vector<float> before = copy();
  batch bad = pictures(2, 2);
  bad.images[100] = std::numeric_limits<float>::quiet_NaN();
  BOOST_TEST(!d.train_step(bad).finite);
  BOOST_TEST(copy() == before, boost::test_tools::per_element());
  BOOST_TEST(d.first_non_finite_layer(bad) == "input");
  BOOST_TEST(d.train_step(pictures(4, 2)).finite);
}

/// Whoever writes into the state between two steps is heard.
BOOST_AUTO_TEST_CASE(edits_of_the_state_reach_the_device) {
  if (!has_pjrt_plugin()) return;
  any_ssd cpu = make(usual(), "cpu"), other = make(usual(), accelerator());
  for (any_ssd* d : {&cpu, &other}) {
    d->train_step(pictures(0, 2));
    d->edit_state([](std::span<const editable_tensor> all) {
      for (const editable_tensor& t : all)
        if (t.model_variable && t.trainable)
          for (float& v : t.values) v *= 0.5f;
    });
  }
  check_reports(cpu.train_step(pictures(4, 2)), other.train_step(pictures(4, 2)), 2e-4f);
}

/// Batches that are sent while the step before runs, whether they are then trained on or not.
BOOST_AUTO_TEST_CASE(announced_batches_are_those_that_are_trained_on) {
  if (!has_pjrt_plugin()) return;
  any_ssd plain = make(usual(), accelerator()), ahead = make(usual(), accelerator());
  std::vector<batch> all;
  for (int i = 0; i < 4; ++i) all.push_back(pictures(2 * i, 2));
  for (std::size_t i = 0; i < all.size(); ++i) {
    ahead.announce(all[i == 1 ? 0 : (i + 1) % all.size()]);
    const step_report a = plain.train_step(all[i]), b = ahead.train_step(all[i]);
    BOOST_TEST(a.total_loss == b.total_loss);
  }
}

BOOST_AUTO_TEST_CASE(what_needs_an_order_is_refused_by_its_path) {
  const auto refusal = [](const any_ssd::options& o, std::initializer_list<std::string_view> parts) {
    check_error([&] { make(o, "pjrt:/dev/null"); }, parts);
  };
  any_ssd::options mining = usual();
  mining.loss.miner = hard_example_miner{};
  refusal(mining, {"model.ssd.loss.hard_example_miner", "weighted_sigmoid_focal"});
  any_ssd::options bipartite = usual();
  bipartite.matcher = bipartite_matcher{};
  refusal(bipartite, {"model.ssd.matcher.bipartite_matcher", "argmax_matcher"});
}

/// It keeps what the CPU keeps: the same losses and gradients, of each shard its own.
BOOST_AUTO_TEST_CASE(dropout_keeps_what_the_cpu_keeps) {
  if (!has_pjrt_plugin()) return;
  const int shards = std::min(2, pjrt_client().device_count());
  any_ssd::options o = usual();
  std::visit(
      [](auto& p) {
        if constexpr (requires { p.opts.use_dropout; })
          p.opts.use_dropout = true, p.opts.dropout_keep_probability = 0.6f;
      },
      o.box_predictor);
  any_ssd cpu = make(o, "cpu", shards), other = make(o, accelerator(), shards);
  std::vector<batch> batches;
  for (int s = 0; s < shards; ++s) batches.push_back(pictures(2 * s, 2));
  for (const std::int64_t step : {std::int64_t{0}, std::int64_t{7'000'000'001}}) {
    for (any_ssd* d : {&cpu, &other}) d->set_global_step(step);
    check_reports(cpu.train_shards(batches), other.train_shards(batches), 2e-4f);
  }
  check_states(cpu, other, 1e-4);
}

/// Steps one by one, and as groups of up to three of which two or one are taken at once; at the end one that is not
/// finite, behind which nothing is taken.
BOOST_AUTO_TEST_CASE(a_loop_takes_the_same_steps) {
  if (!has_pjrt_plugin()) return;
  any_ssd::options o = usual();
  o.optimizer = adam{{.epsilon = 1e-3f}};
  o.rate.schedule =
      exponential_decay_learning_rate{{.initial_learning_rate = 0.02f, .decay_steps = 1, .decay_factor = 0.9f}};
  any_ssd plain = make(o, accelerator()), looped = make(o, accelerator());
  const auto loop = make_step_loop(looped, 3);
  BOOST_REQUIRE(loop);
  std::vector<batch> all;
  for (int i = 0; i < 5; ++i) all.push_back(pictures(2 * i, 2));
  const std::span<const batch> first = std::span(all).first(3), second = std::span(all).subspan(3);
  std::vector<step_report> reports;
  const auto take = [&](std::span<const batch> group, std::size_t from, std::size_t count) {
    for (step_report& r : loop->train(group, from, count)) reports.push_back(std::move(r));
  };
  loop->announce(second);
  take(first, 0, 2);
  take(first, 2, 1);
  take(second, 0, 2);
  BOOST_REQUIRE_EQUAL(reports.size(), all.size());
  BOOST_TEST(looped.global_step() == 5);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const step_report r = plain.train_step(all[i]);
    check_reports(r, reports[i], 1e-5f);
    BOOST_TEST(r.learning_rate == reports[i].learning_rate);
  }
  check_states(plain, looped, 1e-5);

  std::vector<batch> bad{pictures(20, 2), pictures(22, 2), pictures(24, 2)};
  bad[1].images[100] = std::numeric_limits<float>::quiet_NaN();
  plain.train_step(bad[0]);
  reports = loop->train(bad, 0, 3);
  BOOST_REQUIRE_EQUAL(reports.size(), 2u);
  BOOST_TEST(reports[0].finite);
  BOOST_TEST(!reports[1].finite);
  BOOST_TEST(looped.global_step() == 6);
  check_states(plain, looped, 1e-5);
}

BOOST_AUTO_TEST_CASE(a_cpu_has_no_loop) {
  any_ssd cpu = make(usual(), "cpu");
  BOOST_TEST(!make_step_loop(cpu, 3));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
