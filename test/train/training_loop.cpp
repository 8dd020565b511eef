// SPDX-License-Identifier: MIT
#include <odt/train/training_loop.hpp>

#include "train/toy_data.hpp"
#include "train/toy_detector.hpp"

#include <odt/io/checkpoint.hpp>
#include <odt/train/stop_signal.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <map>
#include <regex>
#include <thread>

namespace {

using odt::test::scratch_directory;
using odt::test::toy_detector;

/// An endless row of batches; batch k depends on k alone.
struct row_of_batches {
  std::uint64_t next = 0;

  bool operator()(odt::batch& b) {
    b = odt::batch::zeros(2, 8, 8, 4);
    odt::random_stream random(5, next);
    for (float& pixel : b.images) pixel = random.uniform(-1, 1);
    b.counts = {1, 2};
    b.ids = {odt::str("photo", next, ".jpg"), odt::str("photo", next + 1, ".jpg")};
    b.first_sample = next;
    next += 2;
    return true;
  }
};

odt::training_loop_options options(const scratch_directory& at, std::int64_t last) {
  odt::training_loop_options o;
  o.model_dir = at / "model";
  o.last_step = last;
  o.log_every = 5;
  return o;
}

/// Notes what it was told of batches, and what it got.
struct noting_detector : toy_detector {
  std::vector<std::uint64_t> announced, trained;

  void announce(const odt::batch& next) override { announced.push_back(next.first_sample); }
  odt::step_report train_step(const odt::batch& b) override {
    trained.push_back(b.first_sample);
    return toy_detector::train_step(b);
  }
};

/// Takes the steps of a noting_detector several at a time, and notes how many.
struct noting_loop : odt::step_loop {
  noting_detector& model;
  std::vector<std::size_t>& counts;

  noting_loop(noting_detector& d, std::vector<std::size_t>& all) : model(d), counts(all) {}

  std::vector<odt::step_report> train(std::span<const odt::batch> group, std::size_t first,
                                      std::size_t count) override {
    counts.push_back(count);
    std::vector<odt::step_report> reports;
    for (const odt::batch& b : group.subspan(first, count))
      if (reports.empty() || reports.back().finite) reports.push_back(model.train_step(b));
    return reports;
  }
  void announce(std::span<const odt::batch> next) override {
    for (const odt::batch& b : next) model.announce(b);
  }
};

std::vector<std::size_t>& loop_counts() {
  static std::vector<std::size_t> counts;
  return counts;
}

std::unique_ptr<odt::step_loop> make_noting_loop(odt::detector& model, int) {
  auto* const own = dynamic_cast<noting_detector*>(&model);
  return own ? std::make_unique<noting_loop>(*own, loop_counts()) : nullptr;
}

const bool registered = (odt::step_loop_makers().push_back(make_noting_loop), true);

struct quiet_console {
  std::FILE* file = std::tmpfile();
  odt::console out{file, false};
  ~quiet_console() { std::fclose(file); }

  std::string text() {
    std::fflush(file);
    std::rewind(file);
    std::string all;
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) all += static_cast<char>(c);
    return all;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(training_loop_tests)

BOOST_AUTO_TEST_CASE(a_run_ends_at_its_last_step_with_a_checkpoint_and_summaries) {
  const scratch_directory at;
  quiet_console console;
  toy_detector model;
  odt::training_loop loop(model, row_of_batches{}, {}, options(at, 12), {}, console.out);
  const auto outcome = loop.run();
  BOOST_TEST(outcome.step == 12);
  BOOST_TEST(outcome.signal == 0);
  BOOST_TEST(odt::latest_checkpoint(at / "model").value() == at / "model/model.ckpt-12");
  BOOST_TEST(odt::read_run_state(odt::checkpoint_reader(at / "model"))->samples_seen == 24u);
  std::map<std::string, std::vector<std::int64_t>> steps;
  for (const auto& file : std::filesystem::directory_iterator(at / "model")) {
    if (file.path().filename().string().find("tfevents") == std::string::npos) continue;
    odt::event_reader reader(file.path().string());
    for (odt::event e; reader.next(e);) steps[e.tag].push_back(e.step);
  }
  const std::vector<std::int64_t> expected{1, 5, 10};
  for (const char* tag : {"loss", "loss_1", "loss_2", "learning_rate", "learning_rate_1", "Loss/classification_loss",
                          "global_norm/gradient_norm", "TargetAssignment/AvgNumPositiveAnchorsPerImage"}) {
    BOOST_TEST_CONTEXT(tag) BOOST_TEST(steps[tag] == expected, boost::test_tools::per_element());
  }
  BOOST_TEST(steps["global_step/sec"].size() == 2u);
  const std::string text = console.text();
  BOOST_TEST(text.find("step 1/12  loss ") != std::string::npos);
  BOOST_TEST(text.find("  classification ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(saving_often_changes_nothing_and_keeps_five) {
  const scratch_directory often, rarely;
  quiet_console console;
  toy_detector a, b;
  auto how = options(often, 12);
  how.save_steps = 1;
  odt::training_loop(a, row_of_batches{}, {}, how, {}, console.out).run();
  odt::training_loop(b, row_of_batches{}, {}, options(rarely, 12), {}, console.out).run();
  BOOST_TEST(a.weights() == b.weights(), boost::test_tools::per_element());
  BOOST_TEST(odt::read_checkpoint_state(often / "model")->all.size() == 5u);
  BOOST_TEST(!odt::file_exists(often / "model/model.ckpt-7.index"));
  BOOST_TEST(odt::file_exists(often / "model/model.ckpt-8.index"));
}

BOOST_AUTO_TEST_CASE(the_best_evaluation_is_kept_and_written) {
  const scratch_directory at;
  quiet_console console;
  toy_detector model;
  auto how = options(at, 6);
  how.eval_steps = 2;
  how.keep.keep = 1;
  const auto evaluate = [&model] {
    odt::evaluation result;
    result.step = model.global_step();
    result.images = 1;
    result.metrics = {{"DetectionBoxes_Precision/mAP", result.step == 4 ? 0.75 : 0.25}};
    result.losses = {{"Loss/total_loss", 1.5}};
    return result;
  };
  odt::training_loop(model, row_of_batches{}, {}, how, {{"eval_0", evaluate}}, console.out).run();
  BOOST_TEST(odt::file_exists(at / "model/best/model.ckpt-4.index"));
  BOOST_TEST(!odt::file_exists(at / "model/best/model.ckpt-6.index"));
  BOOST_TEST(!odt::file_exists(at / "model/model.ckpt-4.index"));
  BOOST_TEST(odt::is_directory(at / "model/eval_0"));
}

BOOST_AUTO_TEST_CASE(without_a_better_evaluation_in_its_patience_it_ends) {
  const scratch_directory at;
  quiet_console console;
  toy_detector model;
  auto how = options(at, 100);
  how.eval_steps = 2;
  how.patience = 3;
  how.metric = "Loss/total_loss";
  std::vector<std::string> exported;
  how.hooks.best = [&exported](const std::string& directory) { exported.push_back(directory); };
  const auto evaluate = [&model] {
    odt::evaluation result;
    result.step = model.global_step();
    result.images = 1;
    result.metrics = {{"DetectionBoxes_Precision/mAP", 0.001 * static_cast<double>(result.step)}};  // would go on
    result.losses = {{"Loss/total_loss", result.step <= 4 ? 9.0 - static_cast<double>(result.step) : 6.0}};
    return result;
  };
  const auto outcome = odt::training_loop(model, row_of_batches{}, {}, how, {{"eval_0", evaluate}}, console.out).run();
  BOOST_TEST(outcome.gave_up);
  BOOST_TEST(outcome.step == 10);  // the best at 4, then 6, 8 and 10
  BOOST_TEST(odt::file_exists(at / "model/best/model.ckpt-4.index"));
  BOOST_TEST(exported.size() == 2u);
}

/// Notes the steps of its schedule.
struct scheduled_detector : toy_detector, odt::schedule_follower {
  std::vector<std::int64_t> schedule;
  void set_schedule_step(std::int64_t step) override { schedule.push_back(step); }
};

BOOST_AUTO_TEST_CASE(a_training_of_a_given_time_ends_with_it_and_its_schedule_too) {
  const scratch_directory at;
  quiet_console console;
  scheduled_detector model;
  auto how = options(at, 0);
  how.seconds = 0.5;
  how.schedule_length = 1000;
  const auto slow = [batches = row_of_batches{}](odt::batch& b) mutable {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return batches(b);
  };
  const auto begin = std::chrono::steady_clock::now();
  const auto outcome = odt::training_loop(model, slow, {}, how, {}, console.out).run();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  BOOST_TEST(seconds >= 0.5);
  BOOST_TEST((outcome.step > 2 && outcome.step <= 51));
  BOOST_TEST(model.schedule.front() == 0);
  BOOST_TEST(std::ranges::is_sorted(model.schedule));
  BOOST_TEST(model.schedule.back() == 1000);
  const double used = odt::read_run_state(odt::checkpoint_reader(at / "model"))->seconds;
  BOOST_TEST((used >= 0.5 && used <= seconds));
  BOOST_TEST(console.text().find("  loss ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_training_of_a_given_time_goes_on_with_what_is_left) {
  const scratch_directory at;
  quiet_console console;
  scheduled_detector model;
  auto how = options(at, 0);
  how.seconds = 100;
  how.schedule_length = 1000;
  odt::run_state run;
  run.seconds = 99.9;
  odt::training_loop(model, row_of_batches{}, run, how, {}, console.out).run();
  BOOST_TEST(model.schedule.front() == 999);
  BOOST_TEST(odt::read_run_state(odt::checkpoint_reader(at / "model"))->seconds >= 100);
}

BOOST_AUTO_TEST_CASE(the_older_program_s_lines_and_files) {
  const scratch_directory at;
  quiet_console console;
  toy_detector model;
  auto how = options(at, 3);
  how.legacy.emplace();
  odt::training_loop(model, row_of_batches{}, {}, how, {}, console.out).run();
  const std::string text = console.text();
  const std::regex expected(
      "INFO:tensorflow:Starting Session\\.\n"
      "INFO:tensorflow:Saving checkpoint to path .*/model/model\\.ckpt\n"
      "INFO:tensorflow:Starting Queues\\.\n"
      "INFO:tensorflow:global_step/sec: 0\n"
      "INFO:tensorflow:Recording summary at step 0\\.\n"
      "(INFO:tensorflow:global step [123]: loss = [0-9]+\\.[0-9]{4} \\([0-9]+\\.[0-9]{3} sec/step\\)\n){3}"
      "INFO:tensorflow:Stopping Training\\.\n"
      "INFO:tensorflow:Finished training! Saving model to disk\\.\n");
  BOOST_TEST_CONTEXT(text) BOOST_TEST(std::regex_match(text, expected));
  BOOST_TEST(
      odt::read_checkpoint_state(at / "model")->all == (std::vector<std::string>{"model.ckpt-0", "model.ckpt-3"}),
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_loss_that_is_not_finite_names_step_images_and_layer_and_leaves_the_checkpoint) {
  const scratch_directory at;
  quiet_console console;
  toy_detector model;
  model.poison_at = 7;
  auto how = options(at, 12);
  how.save_steps = 5;
  odt::training_loop loop(model, row_of_batches{}, {}, how, {}, console.out);
  BOOST_CHECK_EXCEPTION(loop.run(), odt::error, [&at](const odt::error& e) {
    const std::string text = e.what();
    BOOST_TEST_MESSAGE(text);
    return text.find("step 8: the loss is not finite") != std::string::npos &&
           text.find("photo14.jpg, photo15.jpg") != std::string::npos &&
           text.find("FeatureExtractor/Toy/Conv2d_0") != std::string::npos &&
           text.find(at / "model/model.ckpt-5") != std::string::npos;
  });
  BOOST_TEST(odt::latest_checkpoint(at / "model").value() == at / "model/model.ckpt-5");
}

BOOST_AUTO_TEST_CASE(several_steps_in_one_go_stop_where_something_is_to_be_done) {
  BOOST_REQUIRE(registered);
  const scratch_directory at, one_by_one;
  quiet_console console;
  noting_detector model, other;
  auto how = options(at, 10);
  how.save_steps = 4;
  how.iterations_per_loop = 3;
  loop_counts().clear();
  odt::training_loop(model, row_of_batches{}, {}, how, {}, console.out).run();
  BOOST_TEST(loop_counts() == (std::vector<std::size_t>{3, 1, 2, 2, 1, 1}), boost::test_tools::per_element());
  odt::training_loop(other, row_of_batches{}, {}, options(one_by_one, 10), {}, console.out).run();
  BOOST_TEST(model.trained == other.trained, boost::test_tools::per_element());
  BOOST_TEST(odt::read_checkpoint_state(at / "model")->all ==
                 (std::vector<std::string>{"model.ckpt-4", "model.ckpt-8", "model.ckpt-10"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_bad_step_of_several_is_named_with_its_images) {
  const scratch_directory at;
  quiet_console console;
  noting_detector model;
  model.poison_at = 4;
  auto how = options(at, 12);
  how.iterations_per_loop = 3;
  odt::training_loop loop(model, row_of_batches{}, {}, how, {}, console.out);
  BOOST_CHECK_EXCEPTION(loop.run(), odt::error, [](const odt::error& e) {
    const std::string text = e.what();
    return text.find("step 5: the loss is not finite") != std::string::npos &&
           text.find("photo8.jpg, photo9.jpg") != std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(several_steps_in_one_go_need_a_device_that_takes_them) {
  const scratch_directory at;
  quiet_console console;
  toy_detector model;
  auto how = options(at, 12);
  how.iterations_per_loop = 3;
  odt::test::check_error([&] { odt::training_loop(model, row_of_batches{}, {}, how, {}, console.out); },
                         {"--iterations_per_loop 3", "--device tpu"});
}

BOOST_AUTO_TEST_CASE(an_interrupt_saves_and_ends_the_run) {
  const scratch_directory at;
  quiet_console console;
  toy_detector model;
  row_of_batches batches;
  const auto data = [&](odt::batch& b) {
    if (batches.next == 8) std::raise(SIGINT);  // a batch ahead of the fourth step
    return batches(b);
  };
  const auto outcome = odt::training_loop(model, data, {}, options(at, 100), {}, console.out).run();
  BOOST_TEST(outcome.signal == SIGINT);
  BOOST_TEST(outcome.step == 4);
  BOOST_TEST(odt::latest_checkpoint(at / "model").value() == at / "model/model.ckpt-4");
}

BOOST_AUTO_TEST_CASE(a_terminal_that_closes_and_a_reader_that_goes_away_save_too) {
  for (const int signal : {SIGHUP, SIGPIPE, SIGTERM}) {
    const scratch_directory at;
    quiet_console console;
    toy_detector model;
    row_of_batches batches;
    const auto data = [&](odt::batch& b) {
      if (batches.next == 8) std::raise(signal);
      if (batches.next == 8 && signal == SIGPIPE) std::raise(signal);  // it comes with each line
      return batches(b);
    };
    const auto outcome = odt::training_loop(model, data, {}, options(at, 100), {}, console.out).run();
    BOOST_TEST(outcome.signal == signal);
    BOOST_TEST(odt::latest_checkpoint(at / "model").value() == at / "model/model.ckpt-4");
  }
}

BOOST_AUTO_TEST_CASE(an_interrupt_breaks_an_evaluation_off) {
  const scratch_directory at;
  quiet_console console;
  toy_detector model;
  auto how = options(at, 6);
  how.eval_steps = 2;
  const auto evaluate = []() -> odt::evaluation {
    std::raise(SIGTERM);
    if (odt::stop_signal::received() != 0) throw odt::interrupted{};
    return {};
  };
  const auto outcome = odt::training_loop(model, row_of_batches{}, {}, how, {{"eval_0", evaluate}}, console.out).run();
  BOOST_TEST(outcome.signal == SIGTERM);
  BOOST_TEST(outcome.step == 2);
  BOOST_TEST(odt::latest_checkpoint(at / "model").value() == at / "model/model.ckpt-2");
  BOOST_TEST(odt::stop_signal::received() == 0);
}

BOOST_AUTO_TEST_CASE(bad_data_ends_the_run_but_keeps_what_was_trained) {
  const scratch_directory at;
  quiet_console console;
  toy_detector model;
  row_of_batches batches;
  const auto data = [&](odt::batch& b) -> bool {
    if (batches.next == 6) odt::fail("train.record, record 3 (byte 12): the image is cut short");
    return batches(b);
  };
  odt::training_loop loop(model, data, {}, options(at, 100), {}, console.out);
  BOOST_CHECK_THROW(loop.run(), odt::error);
  BOOST_TEST(odt::latest_checkpoint(at / "model").value() == at / "model/model.ckpt-3");
}

BOOST_AUTO_TEST_CASE(a_step_knows_the_batch_of_the_step_after_it) {
  const scratch_directory at;
  quiet_console console;
  noting_detector model;
  odt::training_loop(model, row_of_batches{}, {}, options(at, 4), {}, console.out).run();
  BOOST_TEST(model.trained == (std::vector<std::uint64_t>{0, 2, 4, 6}), boost::test_tools::per_element());
  BOOST_TEST(model.announced == (std::vector<std::uint64_t>{2, 4, 6, 8}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
