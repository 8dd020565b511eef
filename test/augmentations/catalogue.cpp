// SPDX-License-Identifier: MIT
#include <odt/augmentations/catalogue.hpp>

#include "augmentations/fixture.hpp"

BOOST_AUTO_TEST_SUITE(catalogue_tests)

namespace {

odt::settings scalar(std::string name, std::string text) {
  odt::settings s;
  s.path = "train_config.data_augmentation_options[0]." + name;
  s.name = std::move(name), s.text = std::move(text), s.set = true;
  return s;
}

odt::settings message(std::string name, std::vector<odt::settings> children) {
  odt::settings s = scalar(std::move(name), "");
  s.message = true;
  s.children = std::move(children);
  return s;
}

/// data_augmentation_options { <each> } ...
odt::settings list_of(std::vector<odt::settings> each) {
  std::vector<odt::settings> steps;
  for (auto& one : each) {
    one.alternative = true;
    steps.push_back(message(std::to_string(steps.size()), {one}));
  }
  return message("data_augmentation_options", std::move(steps));
}

std::string refusal(const odt::settings& list) {
  try {
    odt::augmentation_chain_from(list);
  } catch (const odt::error& e) {
    return e.what();
  }
  return "";
}

struct mine {
  static constexpr std::string_view name = "mine";
  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };
  options opts{};
  void draw(odt::sketch& photo, odt::random_stream&) const { photo.gray(); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_chain_follows_the_files_order_and_options) {
  const auto chain =
      odt::augmentation_chain_from(list_of({message("random_horizontal_flip", {scalar("probability", "1")}),
                                            message("ssd_random_crop", {message("operations", {})}),
                                            message("random_rgb_to_gray", {scalar("probability", "1")})}));
  BOOST_REQUIRE(chain.size() == 3);
  BOOST_TEST(chain.name(1) == "ssd_random_crop");
  odt::labels truth = odt::test::labels_of({{0.25f, 0.25f, 0.75f, 0.5f}});
  odt::recipe steps;
  chain.draw(truth, {30, 40}, 1, 2, steps);
  BOOST_TEST((steps.front().what == odt::pixel_op::kind::flip_horizontally));
  BOOST_TEST((steps.back().what == odt::pixel_op::kind::gray));
}

BOOST_AUTO_TEST_CASE(an_unknown_augmentation_is_refused_by_its_path) {
  const std::string text = refusal(list_of({message("autoaugment_image", {})}));
  BOOST_TEST(text.find("data_augmentation_options[0].autoaugment_image") != std::string::npos);
  BOOST_TEST(text.find("ssd_random_crop_pad") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(options_that_no_image_can_meet_are_refused) {
  BOOST_TEST(refusal(list_of({message("random_distort_color", {scalar("color_ordering", "2")})})).find("0 or 1") !=
             std::string::npos);
  const auto rule =
      message("0", {scalar("min_object_covered", "0"), scalar("min_aspect_ratio", "0"), scalar("max_aspect_ratio", "2"),
                    scalar("min_area", "0.1"), scalar("max_area", "1"), scalar("overlap_thresh", "0"),
                    scalar("clip_boxes", "true"), scalar("random_coef", "0")});
  BOOST_TEST(refusal(list_of({message("ssd_random_crop", {message("operations", {rule})})})).find("aspect ratio") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(draws_depend_on_seed_sample_and_place_in_the_chain_alone) {
  odt::augmentation_chain chain;
  for (const auto& kind : odt::augmentation_catalogue())
    if (kind.name == "random_adjust_hue")
      for (int i = 0; i < 2; ++i) kind.append(chain, message("random_adjust_hue", {scalar("max_delta", "0.02")}));
  const auto draw = [&chain](std::uint64_t seed, std::uint64_t sample) {
    odt::labels truth;
    odt::recipe steps;
    chain.draw(truth, {3, 3}, seed, sample, steps);
    return steps;
  };
  BOOST_TEST((draw(1, 1) == draw(1, 1)));
  BOOST_TEST((draw(1, 1) != draw(1, 2)));
  BOOST_TEST((draw(1, 1) != draw(2, 1)));
  BOOST_TEST(draw(1, 1)[0].amount != draw(1, 1)[1].amount);
}

BOOST_AUTO_TEST_CASE(ones_own_augmentation_joins_the_catalogue) {
  auto kinds = odt::augmentation_catalogue();
  kinds.push_back(odt::augmentation_kind::of<mine>());
  const auto chain = odt::augmentation_chain_from(list_of({message("mine", {})}), kinds);
  BOOST_TEST(chain.name(0) == "mine");
}

BOOST_AUTO_TEST_SUITE_END()
