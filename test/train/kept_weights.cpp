// SPDX-License-Identifier: MIT
// Evaluation keeps weights packed from one pass to the next: whatever changes variables, passes after it are those of a
// detector that has never evaluated before.
#include <odt/io/checkpoint.hpp>
#include <odt/train/restore.hpp>

#include "any_ssd.hpp"
#include "scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <functional>

namespace {

using model = odt::test::any_ssd;

model::options options() {
  model::options o;
  o.num_classes = 3;
  o.feature_extractor.emplace<odt::inception_v2>().opts.depth_multiplier = 0.5f;
  o.update.average = true;
  o.update.average_decay = 0.5f;
  o.rate.schedule = odt::constant_learning_rate{{.learning_rate = 0.02f}};
  return o;
}

odt::batch pictures(int size) {
  odt::batch b = odt::batch::zeros(2, size, size, 4);
  odt::random_stream random(3);
  for (float& pixel : b.images) pixel = random.uniform(-1, 1);
  b.counts = {1, 1};
  b.boxes[0] = {0.1f, 0.2f, 0.6f, 0.7f}, b.boxes[4] = {0.0f, 0.1f, 0.8f, 0.4f};
  b.weights.assign(8, 1.0f);
  return b;
}

std::vector<float> predictions(model& m, int size) {
  m.forward(pictures(size));
  auto& runner = static_cast<odt::cpu::ssd_step<model::axes>&>(m.device()).network_runner();
  std::vector<float> all;
  for (const int output : {odt::class_logits, odt::box_encodings})
    all.insert(all.end(), runner.output(output), runner.output(output) + runner.current().output(output).elements());
  return all;
}

/// `change` is done to a detector that has evaluated pictures of two sizes, and to one that has not.
void check(const std::function<void(model&)>& before, const std::function<void(model&)>& change) {
  model warm(options(), {.seed = 5, .threads = 1}), cold(options(), {.seed = 5, .threads = 1});
  before(warm), before(cold);
  const std::vector<float> first = predictions(warm, 96);
  predictions(warm, 64);
  BOOST_TEST((predictions(warm, 96) == first));
  change(warm), change(cold);
  for (const int size : {64, 96}) BOOST_TEST((predictions(warm, size) == predictions(cold, size)));
  BOOST_TEST((predictions(warm, 96) != first));
}

void train(model& m) { m.train_step(pictures(96)); }
void nothing(model&) {}

void double_weights(model& m) {
  m.edit_state([](std::span<const odt::editable_tensor> state) {
    for (const odt::editable_tensor& t : state)
      if (t.model_variable)
        for (float& v : t.values) v *= 2;
  });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(kept_weights_tests)

BOOST_AUTO_TEST_CASE(a_train_step_is_seen) { check(nothing, train); }

BOOST_AUTO_TEST_CASE(averages_that_are_swapped_in_are_seen) {
  check(train, [](model& m) { m.swap_averages(); });
}

BOOST_AUTO_TEST_CASE(an_edit_is_seen) { check(nothing, double_weights); }

BOOST_AUTO_TEST_CASE(an_edit_that_evaluates_before_it_goes_on_is_seen) {
  check(nothing, [](model& m) {
    m.edit_state([&m](std::span<const odt::editable_tensor> state) {
      predictions(m, 96);
      for (float& v : state[0].values) v += 1;
    });
  });
}

BOOST_AUTO_TEST_CASE(values_written_to_the_device_are_seen) {
  check(nothing, [](model& m) {
    for (float& v : m.device().stores().values) v *= 2;
  });
}

BOOST_AUTO_TEST_CASE(a_restored_checkpoint_is_seen) {
  const odt::test::scratch_directory at;
  model other(options(), {.seed = 6, .threads = 1});
  odt::save_checkpoint(other, {}, at / "model.ckpt-0");
  const odt::checkpoint_reader checkpoint(at / "model.ckpt-0");
  check(nothing, [&](model& m) { odt::restore_variables(m, checkpoint, false); });
  check(nothing, [&](model& m) { odt::resume_checkpoint(m, checkpoint, {}); });
  check(nothing, [&](model& m) { odt::fine_tune(m, {.checkpoint = at / "model.ckpt-0"}); });
}

BOOST_AUTO_TEST_CASE(packed_weights_are_planned_memory) {
  model m(options(), {.seed = 5, .threads = 1});
  train(m);
  const auto before = m.planned_bytes();
  predictions(m, 96);
  BOOST_TEST(m.planned_bytes() - before >= m.describe(2, {96, 96}).parameters * 4);
}

BOOST_AUTO_TEST_SUITE_END()
