// SPDX-License-Identifier: MIT
#include <odt/io/checkpoint.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/file.hpp>

#include <golden.hpp>
#include <scratch.hpp>

#include <cmath>
#include <limits>

namespace {

using odt::checkpoint_keeper;
using odt::test::check_error;
using odt::test::scratch_directory;

/// Writes the checkpoint of a step, whose only tensor is the step, and tells the keeper.
void save(checkpoint_keeper& keeper, std::int64_t step, double now) {
  odt::checkpoint_writer writer(keeper.prefix(step));
  writer.add("global_step", step);
  writer.commit();
  keeper.saved(keeper.prefix(step), now);
}

/// The steps whose checkpoints lie in the directory.
std::vector<std::int64_t> steps_in(const std::string& directory) {
  std::vector<std::int64_t> steps;
  for (const std::string& path : odt::matching_files(directory + "/*.index"))
    steps.push_back(*odt::checkpoint_step(path.substr(0, path.size() - 6)));
  std::ranges::sort(steps);
  return steps;
}

using steps = std::vector<std::int64_t>;

}  // namespace

BOOST_AUTO_TEST_SUITE(checkpoint_keeper_tests)

BOOST_AUTO_TEST_CASE(the_newest_are_kept) {
  const scratch_directory scratch;
  checkpoint_keeper keeper(scratch / "model", {.keep = 3});
  for (int step = 0; step <= 50; step += 10) save(keeper, step, 1000 + step);
  BOOST_CHECK(steps_in(scratch / "model") == (steps{30, 40, 50}));
  BOOST_CHECK_EQUAL(*odt::latest_checkpoint(scratch / "model"), scratch / "model/model.ckpt-50");
  BOOST_CHECK_EQUAL(odt::checkpoint_reader(scratch / "model").read<std::int64_t>("global_step")[0], 50);
}

BOOST_AUTO_TEST_CASE(data_whose_index_was_never_written_goes) {
  const scratch_directory scratch;
  checkpoint_keeper keeper(scratch.path());
  save(keeper, 1, 100);
  save(keeper, 2, 101);
  odt::remove_file(scratch / "model.ckpt-2.index");  // lost by a person: it is in the state file
  odt::write_file(scratch / "model.ckpt-3.data-00000-of-00001", "half");
  odt::write_file(scratch / "notes.data-00000-of-00001", "a person's");
  BOOST_CHECK_EQUAL(odt::remove_headless_data(scratch.path()), 1);
  BOOST_CHECK(!odt::file_exists(scratch / "model.ckpt-3.data-00000-of-00001"));
  for (const char* kept :
       {"model.ckpt-1.data-00000-of-00001", "model.ckpt-2.data-00000-of-00001", "notes.data-00000-of-00001"})
    BOOST_CHECK(odt::file_exists(scratch / kept));
  BOOST_CHECK_EQUAL(odt::remove_headless_data(scratch.path()), 0);
  BOOST_CHECK_EQUAL(odt::remove_headless_data(scratch / "nowhere"), 0);
}

BOOST_AUTO_TEST_CASE(the_state_file_is_tensorflows) {
  const scratch_directory scratch;
  checkpoint_keeper keeper(scratch.path(), {.keep = 2});
  save(keeper, 1, 100.5);
  save(keeper, 2, 101);
  BOOST_CHECK_EQUAL(odt::read_file(scratch / "checkpoint"),
                    "model_checkpoint_path: \"model.ckpt-2\"\n"
                    "all_model_checkpoint_paths: \"model.ckpt-1\"\n"
                    "all_model_checkpoint_paths: \"model.ckpt-2\"\n"
                    "all_model_checkpoint_timestamps: 100.5\n"
                    "all_model_checkpoint_timestamps: 101\n"
                    "last_preserved_timestamp: 100.5\n");
}

BOOST_AUTO_TEST_CASE(a_later_run_goes_on_with_what_is_there) {
  const scratch_directory scratch;
  {
    checkpoint_keeper keeper(scratch.path(), {.keep = 2});
    for (const int step : {1, 2}) save(keeper, step, step);
  }
  checkpoint_keeper keeper(scratch.path(), {.keep = 2});
  BOOST_CHECK_EQUAL(keeper.checkpoints().size(), 2u);
  save(keeper, 3, 3);
  BOOST_CHECK(steps_in(scratch.path()) == (steps{2, 3}));
}

BOOST_AUTO_TEST_CASE(one_every_n_hours_is_kept_for_good) {
  const scratch_directory scratch;
  checkpoint_keeper keeper(scratch.path(), {.keep = 1, .every_n_hours = 1});
  for (int step = 0; step <= 8; ++step) save(keeper, step, 1000 + step * 1200);  // three an hour
  BOOST_CHECK(steps_in(scratch.path()) == (steps{4, 8}));
}

BOOST_AUTO_TEST_CASE(zero_keeps_all) {
  const scratch_directory scratch;
  checkpoint_keeper keeper(scratch.path(), {.keep = 0});
  for (int step = 0; step < 8; ++step) save(keeper, step, step);
  BOOST_CHECK_EQUAL(steps_in(scratch.path()).size(), 8u);
}

BOOST_AUTO_TEST_CASE(files_that_it_did_not_write_stay) {
  const scratch_directory scratch;
  odt::write_file(scratch / "model.ckpt-0.index", "another's");
  odt::write_file(scratch / "notes.txt", "mine");
  checkpoint_keeper keeper(scratch.path(), {.keep = 1});
  for (int step = 1; step < 4; ++step) save(keeper, step, step);
  BOOST_CHECK(odt::file_exists(scratch / "model.ckpt-0.index") && odt::file_exists(scratch / "notes.txt"));
}

BOOST_AUTO_TEST_CASE(the_best_is_copied_and_stays_when_it_is_old) {
  const scratch_directory scratch;
  const std::string metric = "DetectionBoxes_Precision/mAP";
  {
    checkpoint_keeper keeper(scratch.path(), {.keep = 1});
    BOOST_CHECK(!keeper.best(metric));
    const std::vector<double> values = {0.1, 0.5, 0.4};
    for (int step = 0; step < 3; ++step) {
      save(keeper, step, step);
      const double value = values[static_cast<std::size_t>(step)];
      BOOST_CHECK_EQUAL(keeper.offer_best(keeper.prefix(step), {metric, value}), step < 2);
    }
  }
  checkpoint_keeper keeper(scratch.path(), {.keep = 1});
  BOOST_CHECK_EQUAL(*keeper.best(metric), 0.5);
  BOOST_CHECK(steps_in(scratch.path()) == (steps{2}));
  BOOST_CHECK(steps_in(scratch / "best") == (steps{1}));
  const odt::checkpoint_reader best(scratch / "best");
  BOOST_CHECK_EQUAL(best.read<std::int64_t>("global_step")[0], 1);
  BOOST_CHECK(!keeper.offer_best(keeper.prefix(2), {metric, 0.5}));
  BOOST_CHECK(keeper.offer_best(keeper.prefix(2), {metric, 0.6}));
  BOOST_CHECK(steps_in(scratch / "best") == (steps{2}));
}

BOOST_AUTO_TEST_CASE(what_a_metric_says_of_no_boxes_is_no_best) {
  const scratch_directory scratch;
  const std::string metric = "DetectionBoxes_Precision/mAP";
  checkpoint_keeper keeper(scratch.path());
  save(keeper, 1, 1);
  for (const double nothing : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()})
    BOOST_CHECK(!keeper.offer_best(keeper.prefix(1), {metric, nothing}));
  BOOST_CHECK(!odt::is_directory(scratch / "best"));
  BOOST_CHECK(keeper.offer_best(keeper.prefix(1), {metric, 0}));
}

BOOST_AUTO_TEST_CASE(a_best_of_no_number_is_passed_by) {
  const scratch_directory scratch;
  const std::string metric = "PascalBoxes_Precision/mAP@0.5IOU";
  odt::make_directories(scratch / "best");
  odt::checkpoint_writer old(scratch / "best/model.ckpt-2");
  old.add<std::int64_t>("global_step", 2);
  old.add("odt/best/" + metric, std::nan(""));
  old.commit();
  odt::write_checkpoint_state(scratch / "best", {.newest = "model.ckpt-2", .all = {"model.ckpt-2"}, .timestamps = {}});
  checkpoint_keeper keeper(scratch.path());
  BOOST_CHECK(!keeper.best(metric));
  save(keeper, 3, 3);
  BOOST_CHECK(keeper.offer_best(keeper.prefix(3), {metric, 0.25}));
  BOOST_CHECK(steps_in(scratch / "best") == (steps{3}));
}

BOOST_AUTO_TEST_CASE(the_best_of_other_data_does_not_count) {
  const scratch_directory scratch;
  const std::string metric = "DetectionBoxes_Precision/mAP";
  checkpoint_keeper keeper(scratch.path());
  for (int step = 1; step < 5; ++step) save(keeper, step, step);
  BOOST_CHECK(keeper.offer_best(keeper.prefix(1), {metric, 0.9, 17}));
  BOOST_CHECK(!keeper.offer_best(keeper.prefix(2), {metric, 0.5, 17}));
  BOOST_CHECK(keeper.offer_best(keeper.prefix(3), {metric, 0.5, 18}));
  BOOST_CHECK_EQUAL(*keeper.best(metric), 0.5);
  BOOST_CHECK(!keeper.offer_best(keeper.prefix(4), {metric, 0.4}));  // of data that is not known
}

BOOST_AUTO_TEST_CASE(steps_are_read_from_prefixes) {
  BOOST_CHECK_EQUAL(*odt::checkpoint_step("dir-1/model.ckpt-60"), 60);
  BOOST_CHECK(!odt::checkpoint_step("model.ckpt") && !odt::checkpoint_step("model-x") && !odt::checkpoint_step("a-"));
}

BOOST_AUTO_TEST_CASE(state_files_that_cannot_be_used_are_refused) {
  const scratch_directory scratch;
  BOOST_CHECK(!odt::read_checkpoint_state(scratch.path()));
  BOOST_CHECK(!odt::latest_checkpoint(scratch.path()));
  odt::write_file(scratch / "checkpoint", "what is this?");
  check_error([&] { odt::read_checkpoint_state(scratch.path()); }, {scratch / "checkpoint", "model_checkpoint_path"});
  odt::write_file(scratch / "checkpoint", "model_checkpoint_path: 'model.ckpt-5'");
  BOOST_CHECK(!odt::latest_checkpoint(scratch.path()));  // its files are gone
}

/// A directory with checkpoints of these steps.
std::string directory_of_steps(const std::string& path, const steps& all) {
  checkpoint_keeper keeper(path);
  for (const std::int64_t step : all) save(keeper, step, static_cast<double>(step));
  return path;
}

BOOST_AUTO_TEST_CASE(a_directory_that_was_moved_has_its_checkpoints_still) {
  const scratch_directory scratch;
  const std::string moved = directory_of_steps(scratch / "moved[1]", {3, 6, 9});
  odt::write_file(
      moved + "/checkpoint",
      "model_checkpoint_path: '/content/model.ckpt-9'\nall_model_checkpoint_paths: '/content/model.ckpt-6'\n"
      "all_model_checkpoint_paths: '/content/model.ckpt-9'");
  const auto found = odt::find_checkpoint(moved);
  BOOST_REQUIRE(found);
  BOOST_CHECK_EQUAL(found->prefix, moved + "/model.ckpt-9");
  BOOST_CHECK(found->remark.find("/content/model.ckpt-9") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_copy_goes_on_by_itself_and_removes_nothing_of_the_original) {
  const scratch_directory scratch;
  const std::string original = directory_of_steps(scratch / "original", {3, 6, 9});
  const std::string copy = directory_of_steps(scratch / "copy", {9});
  odt::write_file(copy + "/checkpoint",
                  odt::str("model_checkpoint_path: '", original, "/model.ckpt-9'\nall_model_checkpoint_paths: '",
                           original, "/model.ckpt-6'\nall_model_checkpoint_paths: '", original, "/model.ckpt-9'"));
  BOOST_CHECK_EQUAL(odt::find_checkpoint(copy)->prefix, copy + "/model.ckpt-9");
  checkpoint_keeper keeper(copy, {.keep = 1});
  save(keeper, 12, 12);
  BOOST_CHECK(steps_in(original) == (steps{3, 6, 9}));
  BOOST_CHECK(steps_in(copy) == (steps{12}));
}

BOOST_AUTO_TEST_CASE(a_lost_state_file_loses_no_checkpoint) {
  const scratch_directory scratch;
  const std::string at = directory_of_steps(scratch / "model", {3, 6, 9});
  const std::string state = odt::read_file(at + "/checkpoint");
  odt::remove_file(at + "/model.ckpt-9.index");
  auto found = odt::find_checkpoint(at);  // the next older one of the state file
  BOOST_CHECK_EQUAL(found->prefix, at + "/model.ckpt-6");
  BOOST_CHECK(found->remark.find("model.ckpt-9, which is not there") != std::string::npos);
  odt::remove_file(at + "/model.ckpt-6.data-00000-of-00001");
  for (const char* text : {"", "model_checkpoint_path: 'model.ckpt-9'"}) {
    odt::write_file(at + "/checkpoint", text);
    found = odt::find_checkpoint(at);
    BOOST_CHECK_EQUAL(found->prefix, at + "/model.ckpt-3");
    BOOST_CHECK(found->remark.find("most steps") != std::string::npos);
  }
  odt::remove_file(at + "/checkpoint");
  BOOST_CHECK_EQUAL(odt::find_checkpoint(at)->prefix, at + "/model.ckpt-3");
}

BOOST_AUTO_TEST_CASE(a_directory_that_cannot_be_made_is_an_error) {
  const scratch_directory scratch;
  odt::write_file(scratch / "file", "");
  check_error([&] { checkpoint_keeper(scratch / "file"); }, {scratch / "file", "cannot make the directory"});
  check_error([] { checkpoint_keeper("/proc/model"); }, {"/proc/model", "cannot make the directory"});
}

BOOST_AUTO_TEST_CASE(tensorflows_state_files, *odt::test::needs(odt::test::golden() / "models/programs/model")) {
  const auto state = odt::read_checkpoint_state((odt::test::golden() / "models/programs/model").string());
  BOOST_CHECK_EQUAL(state->newest, "model.ckpt-60");
  BOOST_CHECK(state->all == (std::vector<std::string>{"model.ckpt-0", "model.ckpt-30", "model.ckpt-60"}));
}

BOOST_AUTO_TEST_CASE(of_a_loss_the_lowest_is_best) {
  const scratch_directory scratch;
  checkpoint_keeper keeper(scratch.path());
  for (int step = 1; step < 4; ++step) save(keeper, step, step);
  const auto offer = [&](int step, double loss) {
    return keeper.offer_best(keeper.prefix(step), {"Loss/total_loss", loss, 0, true});
  };
  BOOST_CHECK(offer(1, 2.0));
  BOOST_CHECK(!offer(2, 2.5));
  BOOST_CHECK(offer(3, 1.5));
  BOOST_CHECK(steps_in(scratch / "best") == (steps{3}));
}

BOOST_AUTO_TEST_SUITE_END()
