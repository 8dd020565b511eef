// SPDX-License-Identifier: MIT
#include <odt/train/schedule.hpp>

#include <odt/core/error.hpp>

#include <boost/test/unit_test.hpp>

namespace {

using odt::pipeline;

pipeline config(const std::string& schedule, int num_steps = 1600) {
  return pipeline::parse(odt::str("train_config { num_steps: ", num_steps,
                                  " optimizer { adam_optimizer { learning_rate { ", schedule, " } } } }"),
                         "a.config");
}

const std::string cosine = "cosine_decay_learning_rate { total_steps: 1600 warmup_steps: 50 }",
                  manual = "manual_step_learning_rate { schedule { step: 800 } schedule { step: 1200 } }",
                  exponential = "exponential_decay_learning_rate { decay_steps: 400 }",
                  constant = "constant_learning_rate { }";

std::string mismatch(const std::string& schedule, std::int64_t last_step) {
  return odt::schedule_mismatch(config(schedule).root(), last_step);
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

int value(const pipeline& c, const std::string& schedule, const std::string& field) {
  const odt::settings& rate = c.root().at("train_config").at("optimizer").at("adam_optimizer").at("learning_rate");
  return rate.at(schedule).get<int>(field);
}

std::string error_of(pipeline c, std::int64_t last_step) {
  try {
    odt::stretch_schedule(c, last_step);
  } catch (const odt::error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(schedule_tests)

BOOST_AUTO_TEST_CASE(a_training_beyond_the_end_of_its_schedule_or_far_before_it_is_told) {
  BOOST_TEST(mismatch(cosine, 1600) == "");
  BOOST_TEST(mismatch(cosine, 1000) == "");
  BOOST_TEST(
      mismatch(cosine, 2000) ==
      "a.config:1:106: train_config.optimizer.adam_optimizer.learning_rate.cosine_decay_learning_rate.total_steps: "
      "the learning rate is 0 from step 1,600 on, and the training goes on to step 2,000; --stretch_schedule "
      "makes it end with the training");
  BOOST_TEST(contains(mismatch(cosine, 0), "goes on without end"));
  BOOST_TEST(contains(mismatch(cosine, 300), "falls until step 1,600, and the training ends at step 300"));
  BOOST_TEST(contains(mismatch(manual, 800), "changes first at step 800"));
  for (const std::int64_t steps : {0, 801, 100000}) BOOST_TEST(mismatch(manual, steps) == "");
  for (const std::string& other : {exponential, constant})
    for (const std::int64_t steps : {0, 1, 100000}) BOOST_TEST(mismatch(other, steps) == "");
}

BOOST_AUTO_TEST_CASE(a_stretched_schedule_ends_with_the_training) {
  auto c = config(cosine);
  BOOST_TEST(odt::stretch_schedule(c, 20000) == "total_steps 1,600 -> 20,000, warmup_steps 50 -> 625");
  BOOST_TEST(value(c, "cosine_decay_learning_rate", "total_steps") == 20000);
  BOOST_TEST(value(c, "cosine_decay_learning_rate", "warmup_steps") == 625);
  BOOST_TEST(odt::schedule_mismatch(c.root(), 20000) == "");
  auto m = config(manual);
  BOOST_TEST(odt::stretch_schedule(m, 3200) == "schedule[0].step 800 -> 1,600, schedule[1].step 1,200 -> 2,400");
  auto e = config(exponential);
  odt::stretch_schedule(e, 800);
  BOOST_TEST(value(e, "exponential_decay_learning_rate", "decay_steps") == 200);
  auto same = config(cosine);
  BOOST_TEST(odt::stretch_schedule(same, 1600) == "");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_stretched_is_refused) {
  BOOST_TEST(contains(error_of(config(cosine), 0), "the training has no end; give --num_train_steps"));
  BOOST_TEST(contains(error_of(config(constant), 10), "no schedule that depends on the step"));
  BOOST_TEST(contains(error_of(config(manual, 0), 10), "num_steps says not"));
  BOOST_TEST(contains(error_of(pipeline::parse(""), 10), "no schedule"));
}

BOOST_AUTO_TEST_SUITE_END()
