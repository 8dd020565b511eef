// SPDX-License-Identifier: MIT
#include <odt/augmentations/catalogue.hpp>
#include <odt/config/pipeline.hpp>
#include <odt/image_resizer.hpp>

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

BOOST_AUTO_TEST_CASE(pipeline_config_names_all_of_them_with_the_same_defaults) {
  for (const auto& kind : odt::augmentation_catalogue()) {
    const auto config = odt::pipeline::parse(
        odt::str("train_config { data_augmentation_options { ", kind.name, " { } } }"), "a.config");
    const auto& list = config.root().at("train_config").at("data_augmentation_options");
    const auto chain = odt::augmentation_chain_from(list);
    BOOST_TEST(chain.name(0) == kind.name);
    const bool crops_or_pads = kind.name.find("crop") != kind.name.npos || kind.name.find("pad") != kind.name.npos;
    BOOST_TEST(chain.changes_size() == crops_or_pads, kind.name);
    odt::refuse_unread(config.root());
  }
  const auto config = odt::pipeline::parse("train_config { data_augmentation_options { random_crop_image { } } }");
  const auto& crop = *config.root().at("train_config").at("data_augmentation_options").children.at(0).chosen();
  const auto o = odt::read_options<odt::crop_options>(crop);
  BOOST_TEST(o.min_aspect_ratio == 0.75f);
  BOOST_TEST(o.max_aspect_ratio == 1.33f);
  BOOST_TEST(o.overlap_thresh == odt::crop_options{}.overlap_thresh);
  BOOST_TEST(o.clip_boxes);
}

BOOST_AUTO_TEST_CASE(rules_of_ssd_crops_come_from_the_file) {
  const auto config =
      odt::pipeline::parse(R"(train_config { data_augmentation_options { ssd_random_crop_pad { operations {
    min_object_covered: 0.5 min_aspect_ratio: 0.5 max_aspect_ratio: 2 min_area: 0.1 max_area: 1 overlap_thresh: 0.5
    random_coef: 1 min_padded_size_ratio: [1, 1] max_padded_size_ratio: [3, 3] pad_color_r: 5 } } } })");
  const auto chain = odt::augmentation_chain_from(config.root().at("train_config").at("data_augmentation_options"));
  odt::refuse_unread(config.root());
  odt::labels truth = odt::test::labels_of({{0.25f, 0.25f, 0.75f, 0.5f}});
  odt::recipe steps;
  chain.draw(truth, {30, 40}, 1, 2, steps);  // never cropped
  BOOST_REQUIRE(steps.size() == 1);
  BOOST_TEST((steps[0].what == odt::pixel_op::kind::pad));
  BOOST_TEST((steps[0].color == odt::rgb{5, 0, 0}));
}

BOOST_AUTO_TEST_CASE(the_sample_configs_augment_and_resize, *odt::test::needs(odt::test::data() / "configs")) {
  for (const auto& entry : odt::test::fs::directory_iterator(odt::test::data() / "configs")) {
    const auto config = odt::pipeline::load(entry.path().string());
    const auto& train = config.root().at("train_config").at("data_augmentation_options");
    BOOST_TEST(!odt::augmentation_chain_from(train).empty(), entry.path());
    const auto* model = config.root().at("model").chosen();
    BOOST_TEST((odt::image_resizer_from(model->at("image_resizer")).outer_size({480, 640}).height >= 300));
  }
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
