// SPDX-License-Identifier: MIT
#include <odt/label/suggestions.hpp>

#include <odt/core/error.hpp>

#include <label/photo_folder.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

using odt::labelling::model_version;
using odt::labelling::photo_index;
using odt::labelling::predictor;
using odt::labelling::suggester;
using odt::labelling::suggestion;
using odt::test::photo_folder;

namespace {

/// Waits, but not for ever.
bool comes_true(const std::function<bool()>& what) {
  for (int i = 0; i < 1000; ++i) {
    if (what()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

/// Detectors that find a box whose left side is the version's number; "bad" cannot be loaded.
predictor load(const model_version& version) {
  if (version.name == "bad") odt::fail("half of it is missing");
  const double left = std::stod(version.name);
  return [left](const std::string& path) -> std::vector<suggestion> {
    if (path.ends_with("c.jpg")) odt::fail(path, ": is damaged");
    return {{"cat", {left, 1, left + 10, 11}, 0.9f}};
  };
}

struct place {
  place() {
    for (const char* name : {"a.jpg", "b.jpg", "c.jpg"}) folder.add(name);
  }
  photo_folder folder;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(suggestion_tests)

BOOST_AUTO_TEST_CASE(all_photos_are_predicted_by_each_new_version) {
  const place p;
  const photo_index photos(p.folder.path(""), "");
  std::atomic<int> told = 0;
  suggester s(photos, load);
  s.on_change([&](std::optional<std::size_t>) { ++told; });
  BOOST_TEST(!s.find(0));
  s.offer({"1", {}});
  BOOST_REQUIRE(comes_true([&] { return s.status().done == 3; }));
  BOOST_TEST(s.find(0)->version == "1");
  BOOST_TEST(s.find(0)->found.at(0).bounds.xmin == 1);
  BOOST_TEST(s.find(2)->problem.find("damaged") != std::string::npos);
  BOOST_TEST(s.orders().uncertainty[2] == -1);
  s.offer({"50", {}});
  BOOST_REQUIRE(comes_true([&] { return s.status().version == "50" && s.status().done == 3; }));
  BOOST_TEST(s.find(1)->found.at(0).bounds.xmin == 50);
  BOOST_TEST(s.find(1)->change == 1);
  BOOST_TEST(s.is_current(1));
  BOOST_TEST(told >= 8);
}

BOOST_AUTO_TEST_CASE(a_version_that_cannot_be_loaded_is_told_and_the_good_one_stays) {
  const place p;
  const photo_index photos(p.folder.path(""), "");
  suggester s(photos, load);
  s.offer({"1", {}});
  BOOST_REQUIRE(comes_true([&] { return s.status().done == 3; }));
  s.offer({"bad", {}});
  BOOST_REQUIRE(comes_true([&] { return !s.status().problem.empty(); }));
  BOOST_TEST(s.status().version == "1");
  BOOST_TEST(s.status().problem.find("half of it") != std::string::npos);
  BOOST_TEST(s.find(0)->version == "1");
  s.offer({"2", {}});
  BOOST_REQUIRE(comes_true([&] { return s.status().version == "2"; }));
  BOOST_TEST(s.status().problem.empty());
}

BOOST_AUTO_TEST_CASE(what_is_looked_at_comes_first) {
  const photo_folder folder;
  for (int i = 0; i < 60; ++i) folder.add(odt::str(i, ".jpg"));
  const photo_index photos(folder.path(""), "");
  suggester s(photos, [](const model_version&) {
    return predictor([](const std::string&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      return std::vector<suggestion>();
    });
  });
  s.offer({"1", {}});
  BOOST_REQUIRE(comes_true([&] { return s.status().done > 0; }));
  const std::size_t wanted[] = {55};
  s.want(wanted);
  BOOST_REQUIRE(comes_true([&] { return s.find(55).has_value(); }));
  BOOST_TEST(s.status().done < 30u);
  s.stop();
}

BOOST_AUTO_TEST_CASE(doubt_makes_uncertain) {
  using odt::labelling::uncertainty_of;
  const auto of = [](std::vector<suggestion> found) { return uncertainty_of(found); };
  BOOST_TEST(of({}) == 1);
  BOOST_TEST(of({{"a", {}, 0.99f}}) < 0.05);
  BOOST_TEST(of({{"a", {}, 0.99f}, {"a", {}, 0.5f}}) > 0.95);
  BOOST_TEST(of({{"a", {}, 0.1f}}) > 0.85);
}

BOOST_AUTO_TEST_CASE(predictions_differ_by_sure_boxes) {
  using odt::labelling::difference_of;
  const std::vector<suggestion> a{{"cat", {0, 0, 10, 10}, 0.9f}, {"dog", {50, 0, 60, 10}, 0.8f}};
  const std::vector<suggestion> b{{"cat", {1, 0, 10, 10}, 0.9f}, {"cat", {90, 0, 99, 10}, 0.3f}};
  BOOST_TEST(difference_of(a, a) == 0);
  BOOST_TEST(difference_of(a, {}) == 1);
  BOOST_TEST(difference_of({}, {}) == 0);
  BOOST_TEST(difference_of(a, b) == 1. / 3, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(the_newest_version_is_that_of_the_highest_number) {
  using odt::labelling::newest_version;
  const odt::test::scratch_directory folder;
  BOOST_TEST(!newest_version(folder / "export", folder / "model", {}));
  for (const char* name : {"9", "10", "011x", "unfinished-99", "100"})
    odt::make_directories(folder / odt::str("export/", name));
  for (const char* name : {"9", "10", "011x", "unfinished-99"})
    odt::write_file(folder / odt::str("export/", name, "/pipeline.config"), "model { }");
  const auto version = newest_version(folder / "export", folder / "model", {});
  BOOST_REQUIRE(version.has_value());
  BOOST_TEST(version->name == "10");  // 100 has nothing in it
  BOOST_TEST(version->source.checkpoint == folder / "export/10");
  const auto all = odt::labelling::numbered_directories(folder / "export");
  BOOST_TEST(all.size() == 3u);
  BOOST_TEST(all.back().number == 100);
}

BOOST_AUTO_TEST_SUITE_END()
