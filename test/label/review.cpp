// SPDX-License-Identifier: MIT
#include <odt/label/review.hpp>

#include <boost/test/unit_test.hpp>

using odt::annotated_object;
using odt::labelling::doubt;
using odt::labelling::doubt_kind;
using odt::labelling::doubts_about;
using odt::labelling::suggestion;

namespace {

annotated_object label(const std::string& name, odt::pixel_box bounds) {
  annotated_object o;
  o.name = name;
  o.bounds = bounds;
  return o;
}

const odt::pixel_box here{10, 10, 110, 110}, nearby{25, 25, 125, 125}, there{300, 300, 400, 400};

}  // namespace

BOOST_AUTO_TEST_SUITE(review)

BOOST_AUTO_TEST_CASE(agreement_is_no_doubt) {
  const std::vector labels{label("cat", here)};
  const std::vector<suggestion> found{{"cat", here, 0.9f}, {"cat", there, 0.2f}};
  BOOST_TEST(doubts_about(labels, found).empty());
  BOOST_TEST(doubts_about({}, {}).empty());
}

BOOST_AUTO_TEST_CASE(each_kind_is_told_with_the_surest_first) {
  const std::vector labels{label("cat", here), label("dog", there), label("cow", {600, 600, 700, 700})};
  const std::vector<suggestion> found{{"cat", there, 0.95f}, {"cat", {800, 10, 900, 90}, 0.8f}, {"cat", nearby, 0.7f}};
  const auto doubts = doubts_about(labels, found);
  BOOST_REQUIRE(doubts.size() == 4u);
  BOOST_TEST((doubts[0].kind == doubt_kind::other_class));
  BOOST_TEST(doubts[0].labelled == "dog");
  BOOST_TEST(doubts[0].found == "cat");
  BOOST_TEST((doubts[1].kind == doubt_kind::missing));
  BOOST_TEST((doubts[2].kind == doubt_kind::not_found));
  BOOST_TEST(doubts[2].labelled == "cow");
  BOOST_TEST((doubts[3].kind == doubt_kind::misplaced));
}

BOOST_AUTO_TEST_CASE(a_difficult_object_need_not_be_found) {
  std::vector labels{label("cat", here)};
  BOOST_TEST(doubts_about(labels, {}).size() == 1u);
  labels[0].difficult = true;
  BOOST_TEST(doubts_about(labels, {}).empty());
}

BOOST_AUTO_TEST_CASE(two_labels_of_one_place_are_met_by_two_finds) {
  const std::vector labels{label("cat", here), label("cat", nearby)};
  const std::vector<suggestion> found{{"cat", here, 0.9f}, {"cat", nearby, 0.8f}};
  BOOST_TEST(doubts_about(labels, found).empty());
}

BOOST_AUTO_TEST_SUITE_END()
