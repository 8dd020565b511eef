// SPDX-License-Identifier: MIT
#include <odt/core/log.hpp>
#include <odt/serve/models.hpp>
#include <odt/serve/status.hpp>

#include <scratch.hpp>
#include <serve/stub.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

using namespace std::chrono_literals;
using odt::serve::code;
using odt::serve::model_config;
using odt::serve::models;
using odt::serve::version_state;

namespace {

struct fixture {
  fixture() {
    odt::set_log_sink([](odt::log_level, std::string_view) {});
  }
  ~fixture() { odt::set_log_sink({}); }

  odt::test::scratch_directory at;
  odt::test::stub_behaviour stub;
  std::vector<odt::detector_type> types{odt::test::stub_type(stub)};
  odt::serve::metrics count;
  odt::serve::models_options how{.poll_seconds = 0.02, .load_retries = 2, .retry_seconds = 0.05};

  std::string base(std::string_view name = "base") const { return at / name; }

  /// A version that appears in one step.
  void add(const std::string& version) const {
    odt::test::write_export(at / "making");
    std::filesystem::create_directories(base());
    std::filesystem::rename(at / "making", base() + "/" + version);
  }

  model_config one() const { return {.name = "m", .base_path = base()}; }

  static version_state state_of(const models& all, std::int64_t version) {
    try {
      return all.versions({.name = "m", .version = version}).at(0).state;
    } catch (const odt::serve::failure&) {
      return version_state::start;
    }
  }

  static bool becomes(const models& all, std::int64_t version, version_state state) {
    for (int i = 0; i < 500; ++i) {
      if (state_of(all, version) == state) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }

  static std::int64_t latest(const models& all) { return all.find({.name = "m"})->version(); }
};

odt::serve::predict_request white() {
  odt::serve::predict_request asked;
  asked.inputs["inputs"] = {{1, 1, 1, 3}, std::vector<std::uint8_t>{255, 255, 255}};
  return asked;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(models_tests, fixture)

BOOST_AUTO_TEST_CASE(what_a_version_answers) {
  add("3");
  models all(types, {one()}, how, count);
  const auto version = all.find({.name = "m"});
  BOOST_TEST(version->version() == 3);
  BOOST_TEST(version->layout().most == 5);
  stub.found = 2;
  const auto answer = version->predict(white());
  BOOST_TEST(answer.signature == "serving_default");
  BOOST_TEST(answer.outputs.at("detection_boxes").values[0] == 0.25f);
  BOOST_TEST(answer.outputs.at("detection_scores").values == (std::vector<float>{1, 1, 0, 0, 0}),
             boost::test_tools::per_element());
  BOOST_TEST(answer.outputs.at("detection_classes").values == (std::vector<float>{3, 3, 1, 1, 1}),
             boost::test_tools::per_element());
  BOOST_TEST(answer.outputs.at("num_detections").values[0] == 2);
  stub.found = 9;  // more than there is room for
  BOOST_TEST(version->predict(white()).outputs.at("num_detections").values[0] == 5);
  auto filtered = white();
  filtered.output_filter = {"num_detections"};
  BOOST_TEST(version->predict(filtered).outputs.size() == 1u);
  filtered.output_filter = {"none"};
  BOOST_CHECK_THROW(version->predict(filtered), odt::serve::failure);
  auto two = white();
  two.inputs["input_tensor"] = two.inputs["inputs"];
  BOOST_CHECK_THROW(version->predict(two), odt::serve::failure);
}

BOOST_AUTO_TEST_CASE(words_of_what_is_not_there) {
  add("3");
  models all(types, {one()}, how, count);
  const auto said = [&](auto&& act, std::string_view text) {
    try {
      act();
      BOOST_ERROR("no failure");
    } catch (const odt::serve::failure& wrong) {
      BOOST_TEST(wrong.what() == text);
    }
  };
  said([&] { all.find({.name = "x"}); }, "Servable not found for request: Latest(x)");
  said([&] { all.find({.name = "m", .version = 4}); }, "Servable not found for request: Specific(m, 4)");
  said([&] { all.find({.name = "m", .label = "gold"}); }, "Unrecognized servable version label: gold");
  said([&] { all.versions({.name = "x"}); }, "Could not find any versions of model x");
  said([&] { all.versions({.name = "m", .version = 4}); }, "Could not find version 4 of model m");
}

BOOST_AUTO_TEST_CASE(a_new_version_takes_the_place_of_the_old) {
  add("1");
  models all(types, {one()}, how, count);
  auto held = all.find({.name = "m"});  // as a request would
  add("2");
  BOOST_TEST(becomes(all, 2, version_state::available));
  BOOST_TEST(latest(all) == 2);
  BOOST_TEST(becomes(all, 1, version_state::unloading));
  std::this_thread::sleep_for(200ms);
  BOOST_TEST(stub.alive == 2);  // its last request is not over
  BOOST_TEST(held->predict(white()).version == 1);
  held.reset();
  BOOST_TEST(becomes(all, 1, version_state::end));
  BOOST_TEST(stub.alive == 1);
}

BOOST_AUTO_TEST_CASE(a_bad_version_is_reported_and_the_good_one_stays) {
  add("1");
  models all(types, {one()}, how, count);
  odt::test::write_export(at / "making");
  odt::write_file(at / "making/pipeline.config", "nonsense {");
  std::filesystem::rename(at / "making", base() + "/2");
  BOOST_TEST(becomes(all, 2, version_state::end));
  const auto bad = all.versions({.name = "m", .version = 2}).at(0);
  BOOST_TEST(!bad.how.ok());
  BOOST_TEST(bad.how.message.find("nonsense") != bad.how.message.npos);
  BOOST_TEST(latest(all) == 1);
  // Mended, it is taken at once.
  odt::test::write_export(at / "good");
  std::filesystem::rename(at / "good/pipeline.config", base() + "/2/pipeline.config");
  BOOST_TEST(becomes(all, 2, version_state::available));
  BOOST_TEST(latest(all) == 2);
}

BOOST_AUTO_TEST_CASE(a_start_with_a_bad_version_serves_the_one_before) {
  add("1");
  add("2");
  add("3");
  odt::write_file(base() + "/3/pipeline.config", "nonsense {");
  const models all(types, {one()}, how, count);
  BOOST_TEST(latest(all) == 2);
}

BOOST_AUTO_TEST_CASE(half_a_version_waits) {
  add("1");
  models all(types, {one()}, how, count);
  std::filesystem::create_directories(base() + "/2");
  odt::write_file(base() + "/2/pipeline.config", "");
  std::this_thread::sleep_for(200ms);
  BOOST_TEST(latest(all) == 1);
  BOOST_TEST(all.versions({.name = "m", .version = 2}).at(0).how.message.find("waits for") == 0u);
  odt::test::write_export(base() + "/2");
  BOOST_TEST(becomes(all, 2, version_state::available));
}

BOOST_AUTO_TEST_CASE(a_path_that_goes_away_takes_nothing_along) {
  add("1");
  models all(types, {one()}, how, count);
  std::filesystem::rename(base(), at / "away");
  std::this_thread::sleep_for(200ms);
  BOOST_TEST(latest(all) == 1);
  std::filesystem::create_directories(base());
  std::this_thread::sleep_for(200ms);
  BOOST_TEST(latest(all) == 1);
}

BOOST_AUTO_TEST_CASE(deleting_the_newest_goes_back) {
  add("1");
  add("2");
  models all(types, {one()}, how, count);
  BOOST_TEST(latest(all) == 2);
  std::filesystem::remove_all(base() + "/2");
  BOOST_TEST(becomes(all, 1, version_state::available));
  BOOST_TEST(becomes(all, 2, version_state::end));
  BOOST_TEST(latest(all) == 1);
}

BOOST_AUTO_TEST_CASE(policies_and_labels) {
  for (const char* version : {"1", "2", "3"}) add(version);
  model_config config = one();
  config.policy = {.what = odt::serve::version_policy::kind::specific, .versions = {1, 3}};
  config.labels = {{"stable", 1}, {"canary", 3}};
  models all(types, {config}, how, count);
  BOOST_TEST(all.find({.name = "m", .label = "stable"})->version() == 1);
  BOOST_TEST(all.find({.name = "m", .label = "canary"})->version() == 3);
  BOOST_TEST(latest(all) == 3);
  BOOST_CHECK_THROW(all.find({.name = "m", .version = 2}), odt::serve::failure);
  BOOST_TEST(all.versions({.name = "m"}).size() == 2u);
  BOOST_TEST(stub.alive == 2);
}

BOOST_AUTO_TEST_CASE(other_models_at_run_time) {
  add("1");
  models all(types, {one()}, how, count);
  std::filesystem::copy(base(), base("other"), std::filesystem::copy_options::recursive);
  model_config other{.name = "other", .base_path = base("other")};
  BOOST_TEST(all.reload({one(), other}).ok());
  BOOST_TEST(all.find({.name = "other"})->version() == 1);
  other.base_path = base("none");
  BOOST_TEST(!all.reload({one(), other}).ok());
  BOOST_TEST(all.reload({one()}).ok());
  BOOST_CHECK_THROW(all.find({.name = "other"}), odt::serve::failure);
  BOOST_TEST(latest(all) == 1);
  model_config labelled = one();
  labelled.labels = {{"gold", 7}};
  BOOST_TEST((all.reload({labelled}).what == code::failed_precondition));
  BOOST_CHECK_THROW(all.reload({one(), one()}), odt::serve::failure);
}

BOOST_AUTO_TEST_CASE(nobody_notices_reloads) {
  add("1");
  models all(types, {one()}, how, count);
  std::atomic<bool> stop{false};
  std::atomic<int> good{0}, bad{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i)
    clients.emplace_back([&] {
      while (!stop) try {
          ++(all.find({.name = "m"})->predict(white()).outputs.at("detection_scores").values[0] == 1 ? good : bad);
        } catch (const std::exception&) {
          ++bad;
        }
    });
  for (int version = 2; version < 12; ++version) {
    add(std::to_string(version));
    BOOST_TEST(becomes(all, version, version_state::available));
  }
  stop = true;
  for (auto& one : clients) one.join();
  BOOST_TEST(good > 0);
  BOOST_TEST(bad == 0);
  all.stop();
  BOOST_TEST(stub.alive == 0);
}

BOOST_AUTO_TEST_SUITE_END()
