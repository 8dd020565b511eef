// SPDX-License-Identifier: MIT
#include <odt/exec/cpu/boxes/mining.hpp>

#include <boxes.hpp>
#include <golden.hpp>
#include <json_settings.hpp>
#include <odt/core/random.hpp>

namespace {

namespace cpu = odt::cpu;
using odt::boxf;

cpu::mined_image mined(const odt::hard_example_miner& how, const std::vector<boxf>& boxes,
                       const std::vector<float>& losses, const std::vector<int>& match, cpu::mining_workspace& space) {
  return cpu::mine(how, boxes, losses, match, space);
}

std::vector<boxf> apart(std::size_t count) {
  std::vector<boxf> boxes;
  for (std::size_t i = 0; i < count; ++i) boxes.push_back({static_cast<float>(i), 0, static_cast<float>(i) + 1, 1});
  return boxes;
}

std::vector<int> selection(const cpu::mined_image& m) { return {m.selected.begin(), m.selected.end()}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(mining_tests)

BOOST_AUTO_TEST_CASE(selections_are_the_api_s,
                     *odt::test::needs(odt::test::golden() / "units/losses/hard_example_miner")) {
  for (const auto& c : odt::test::golden_cases("losses/hard_example_miner")) {
    auto how = odt::hard_example_miner::from(odt::test::to_settings(c.params()));
    const auto location = c.in("location_losses"), classes = c.in("cls_losses"), decoded = c.in("decoded_boxes");
    const std::size_t images = static_cast<std::size_t>(location.shape[0]), anchors = location.size() / images;
    std::vector<int> match(images * anchors, odt::unmatched);
    if (c.has_in("match"))
      match = c.in("match").as<int>();
    else
      how.max_negatives_per_positive = 0;  // the API cannot tell positives from negatives there, and keeps them all
    const auto class_weight = c.params().at("classification_weight").get<float>();
    const auto location_weight = c.params().at("localization_weight").get<float>();
    double mined_location = 0, mined_class = 0;
    std::vector<int> selected(images * anchors), positives, negatives;
    for (std::size_t image = 0; image < images; ++image) {
      cpu::mining_workspace space;
      std::vector<float> losses;
      std::vector<boxf> boxes;
      for (std::size_t i = image * anchors; i < (image + 1) * anchors; ++i) {
        const auto loc = static_cast<float>(location[i]), cls = static_cast<float>(classes[i]);
        losses.push_back(how.ranks_by == odt::mining_loss::both             ? cls * class_weight + loc * location_weight
                         : how.ranks_by == odt::mining_loss::classification ? cls
                                                                            : loc);
        const auto at = [&](std::size_t k) { return static_cast<float>(decoded[4 * i + k]); };
        boxes.push_back({at(0), at(1), at(2), at(3)});
      }
      const auto first = match.begin() + static_cast<std::ptrdiff_t>(image * anchors);
      const auto result = mined(how, boxes, losses, {first, first + static_cast<std::ptrdiff_t>(anchors)}, space);
      for (const int a : result.selected) {
        const std::size_t i = image * anchors + static_cast<std::size_t>(a);
        selected[i] = 1;
        mined_location += location[i];
        mined_class += classes[i];
      }
      positives.push_back(result.positives);
      negatives.push_back(result.negatives);
    }
    odt::test::check_close(selected, c.out("selected"), c, "selected");
    odt::test::check_close(std::vector{mined_location}, c.out("mined_location_loss"), c, "location loss");
    odt::test::check_close(std::vector{mined_class}, c.out("mined_cls_loss"), c, "class loss");
    if (c.has_out("num_positives")) odt::test::check_close(positives, c.out("num_positives"), c, "positives");
    if (c.has_out("num_negatives")) odt::test::check_close(negatives, c.out("num_negatives"), c, "negatives");
  }
}

BOOST_AUTO_TEST_CASE(all_positives_and_the_hardest_negatives_are_kept) {
  cpu::mining_workspace space;
  const odt::hard_example_miner how{.num_hard_examples = 0, .iou_threshold = 0.99f, .max_negatives_per_positive = 2};
  const auto m = mined(how, apart(6), {1, 6, 5, 4, 3, 2}, {0, -1, -1, -1, -1, -1}, space);
  BOOST_TEST(selection(m) == (std::vector{1, 2, 0}), boost::test_tools::per_element());
  BOOST_TEST(m.positives == 1);
  BOOST_TEST(m.negatives == 2);
}

BOOST_AUTO_TEST_CASE(an_ignored_anchor_passes_until_the_limit_is_passed_and_counts_as_a_negative) {
  cpu::mining_workspace space;
  const odt::hard_example_miner how{.num_hard_examples = 0, .iou_threshold = 0.99f, .max_negatives_per_positive = 1};
  const auto m = mined(how, apart(6), {6, 5, 4, 3, 2, 1}, {-2, -1, -2, -1, -2, 0}, space);
  BOOST_TEST(selection(m) == (std::vector{0, 1, 2, 5}), boost::test_tools::per_element());
  BOOST_TEST(m.positives == 1);
  BOOST_TEST(m.negatives == 3);
}

BOOST_AUTO_TEST_CASE(without_positives_only_the_minimum_of_negatives_is_kept) {
  cpu::mining_workspace space;
  odt::hard_example_miner how{.num_hard_examples = 0, .iou_threshold = 0.99f, .max_negatives_per_positive = 3};
  const std::vector<int> match(4, -1);
  BOOST_TEST(mined(how, apart(4), {1, 2, 3, 4}, match, space).selected.empty());
  how.min_negatives_per_image = 2;
  BOOST_TEST(selection(mined(how, apart(4), {1, 2, 3, 4}, match, space)) == (std::vector{3, 2}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_positive_that_a_harder_anchor_suppresses_does_not_count) {
  cpu::mining_workspace space;
  const odt::hard_example_miner how{.num_hard_examples = 0, .iou_threshold = 0.7f, .max_negatives_per_positive = 1};
  const std::vector<boxf> boxes{{0, 0, 1, 1}, {0, 0, 1, 1}, {5, 5, 6, 6}};
  const auto m = mined(how, boxes, {3, 2, 1}, {-1, 0, 1}, space);
  BOOST_TEST(selection(m) == (std::vector{0, 2}), boost::test_tools::per_element());
  BOOST_TEST(m.positives == 1);
}

BOOST_AUTO_TEST_CASE(the_message_is_read_and_its_loss_type_named) {
  const auto message = [](const char* type) {
    return odt::test::to_settings(nlohmann::json{{"num_hard_examples", 3000},
                                                 {"iou_threshold", 0.99},
                                                 {"loss_type", type},
                                                 {"max_negatives_per_positive", 3},
                                                 {"min_negatives_per_image", 1}});
  };
  const auto how = odt::hard_example_miner::from(message("CLASSIFICATION"));
  BOOST_TEST(how.num_hard_examples == 3000);
  BOOST_TEST(how.iou_threshold == 0.99f);
  BOOST_TEST((how.ranks_by == odt::mining_loss::classification));
  BOOST_TEST(how.max_negatives_per_positive == 3);
  BOOST_TEST(how.min_negatives_per_image == 1);
  BOOST_CHECK_THROW(odt::hard_example_miner::from(message("HARDEST")), odt::error);
}

BOOST_AUTO_TEST_SUITE_END()
