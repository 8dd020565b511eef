// SPDX-License-Identifier: MIT
#include <odt/image_resizer.hpp>

#include "augmentations/fixture.hpp"

BOOST_AUTO_TEST_SUITE(image_resizer_tests)

namespace {

const auto preprocessor = odt::test::golden() / "units/preprocessor";

odt::settings scalar(std::string name, std::string text) {
  odt::settings s;
  s.path = "model.ssd.image_resizer." + name;
  s.name = std::move(name), s.text = std::move(text), s.set = true;
  return s;
}

/// A case's params as the message of pipeline.config.
odt::settings message_of(const std::string& kind, const odt::test::json& params) {
  odt::settings chosen = scalar(kind, ""), root = scalar("", "");
  for (const auto& [name, value] : params.items()) {
    odt::settings field = scalar(name, value.is_string() ? value.get<std::string>() : value.dump());
    if (value.is_array())
      for (const auto& element : value) field.children.push_back(scalar("0", element.dump()));
    chosen.children.push_back(field);
  }
  chosen.message = root.message = chosen.alternative = true;
  root.children.push_back(chosen);
  return root;
}

void match_the_api(const std::string& kind) {
  for (const auto& c : odt::test::golden_cases("preprocessor/" + kind)) {
    const odt::settings message = message_of(kind, c.params());
    if (c.params().value("convert_to_grayscale", false)) {
      BOOST_CHECK_THROW(odt::image_resizer_from(message), odt::error);
      continue;
    }
    const auto resizer = odt::image_resizer_from(message);
    const odt::picture source(odt::test::image_of(c.in("image")));
    const odt::size2 outer = resizer.outer_size(source.size());
    std::vector<float> out(static_cast<std::size_t>(outer.height) * static_cast<std::size_t>(outer.width) * 3);
    odt::resize_scratch scratch;
    const odt::size2 inner = resize(resizer, {}, source, out.data(), scratch);
    odt::test::check_close(std::vector<int>{inner.height, inner.width, 3}, c.out("true_shape"), c, "true_shape");
    odt::test::check_close(out, c.out("image"), c, "image");
    odt::test::check_masks(odt::test::masks_of(c), {}, source.size(), inner, outer, c);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(fixed_shapes_are_the_apis, *odt::test::needs(preprocessor / "fixed_shape_resizer")) {
  match_the_api("fixed_shape_resizer");
}

BOOST_AUTO_TEST_CASE(kept_aspect_ratios_are_the_apis, *odt::test::needs(preprocessor / "keep_aspect_ratio_resizer")) {
  match_the_api("keep_aspect_ratio_resizer");
}

BOOST_AUTO_TEST_CASE(identity_is_the_apis, *odt::test::needs(preprocessor / "identity_resizer")) {
  match_the_api("identity_resizer");
}

BOOST_AUTO_TEST_CASE(sizes_are_the_apis, *odt::test::needs(preprocessor / "keep_aspect_ratio_sizes")) {
  for (const auto& c : odt::test::golden_cases("preprocessor/keep_aspect_ratio_sizes")) {
    const auto resizer = odt::image_resizer::keep_aspect_ratio(c.params()["min_dimension"].get<int>(),
                                                               c.params()["max_dimension"].get<int>());
    const auto sizes = c.in("sizes").as<int>();
    std::vector<int> resized;
    for (std::size_t i = 0; i + 1 < sizes.size(); i += 2) {
      const odt::size2 size = resizer.inner_size({sizes[i], sizes[i + 1]});
      resized.insert(resized.end(), {size.height, size.width});
    }
    odt::test::check_close(resized, c.out("resized_sizes"), c);
  }
}

BOOST_AUTO_TEST_CASE(preprocessing_is_the_apis, *odt::test::needs(preprocessor / "model_preprocess")) {
  for (const auto& c : odt::test::golden_cases("preprocessor/model_preprocess")) {
    const auto name = c.params()["feature_extractor"].get<std::string>();
    const auto change = name.find("_resnet5") != std::string::npos || name.find("_resnet1") != std::string::npos
                            ? odt::pixel_transform::subtract_mean()
                            : odt::pixel_transform::minus_one_to_one();
    auto values = c.in("images").as<float>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = change(values[i], static_cast<int>(i % 3));
    odt::test::check_close(values, c.out("preprocessed"), c);
  }
}

BOOST_AUTO_TEST_CASE(bilinear_samples_at_destination_times_ratio) {
  odt::image bytes(2, 2, 3);
  bytes.pixels = {0, 0, 0, 100, 100, 100, 200, 200, 200, 40, 40, 40};
  const auto input = odt::to_network_input(bytes, odt::image_resizer::fixed_shape({4, 4}), {});
  const float expected[4][4] = {{0, 50, 100, 100}, {100, 85, 70, 70}, {200, 120, 40, 40}, {200, 120, 40, 40}};
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 4; ++x) BOOST_TEST(input.pixels.at(y, x)[1] == expected[y][x]);
}

BOOST_AUTO_TEST_CASE(bytes_and_floats_resize_to_the_same_bits) {
  // Bytes go through vectors, floats through plain loops.
  const auto change = odt::pixel_transform{{0.5f, 0.25f, 2.0f / 255}, {-1, 3, 0.125f}};
  for (const auto [height, width] :
       {odt::size2{1, 1}, {2, 2}, {3, 3}, {5, 4}, {17, 9}, {40, 61}, {90, 128}, {20, 700}}) {
    odt::image bytes(height, width, 3);
    for (std::size_t i = 0; i < bytes.pixels.size(); ++i) bytes.pixels[i] = static_cast<std::uint8_t>(i * 97 % 251);
    for (const odt::size2 out : {odt::size2{1, 1}, {3, 3}, {8, 7}, {30, 30}, {64, 101}})
      for (int turn = 0; turn < 4; ++turn) {
        odt::picture fast(bytes), plain(bytes);
        plain.recolor([](odt::rgb p) { return p; });
        std::vector<float> results[2];
        for (odt::picture* const p : {&fast, &plain}) {
          if (turn & 1) p->flip_horizontally();
          if (turn & 2) p->crop(height / 4, width / 5, {(height + 1) / 2, (width + 1) / 2});
          std::vector<float>& result = results[p == &plain];
          result.resize(static_cast<std::size_t>(out.height * out.width * 3));
          odt::resize_scratch scratch;
          resize(odt::image_resizer::fixed_shape(out), change, *p, result.data(), scratch);
        }
        BOOST_REQUIRE(results[0] == results[1]);
      }
  }
}

BOOST_AUTO_TEST_CASE(padding_is_zero_behind_preprocessing_and_boxes_find_back) {
  odt::image bytes(2, 4, 3);
  std::ranges::fill(bytes.pixels, std::uint8_t{255});
  const auto input = odt::to_network_input(bytes, odt::image_resizer::keep_aspect_ratio(4, 8, true),
                                           odt::pixel_transform::minus_one_to_one());
  BOOST_TEST((input.true_size == odt::size2{4, 8}));
  BOOST_TEST((input.pixels.size() == odt::size2{8, 8}));
  BOOST_TEST(input.pixels.at(3, 7)[2] == 1.0f);
  BOOST_TEST(input.pixels.at(4, 0)[0] == 0.0f);
  BOOST_TEST((input.to_original({0.25f, 0.25f, 0.5f, 0.5f}) == odt::boxf{0.5f, 0.25f, 1.0f, 0.5f}));
}

BOOST_AUTO_TEST_CASE(images_of_one_pixel_resize) {
  odt::image bytes(1, 1, 3);
  bytes.pixels = {9, 8, 7};
  for (const auto method : {odt::resize_method::bilinear, odt::resize_method::nearest_neighbor,
                            odt::resize_method::bicubic, odt::resize_method::area}) {
    const auto input = odt::to_network_input(bytes, odt::image_resizer::fixed_shape({5, 3}, method), {});
    BOOST_TEST(input.pixels.at(4, 2)[2] == 7.0f, boost::test_tools::tolerance(1e-5f));
  }
  BOOST_TEST((odt::image_resizer::keep_aspect_ratio(300, 300).inner_size({1, 1000}) == odt::size2{1, 300}));
}

BOOST_AUTO_TEST_CASE(what_is_not_supported_is_refused_by_its_path) {
  const auto refusal = [](const odt::settings& message) {
    try {
      odt::image_resizer_from(message);
    } catch (const odt::error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const odt::test::json fields{{"min_dimension", 20},           {"max_dimension", 10},
                               {"resize_method", "BILINEAR"},   {"pad_to_max_dimension", false},
                               {"convert_to_grayscale", false}, {"per_channel_pad_value", odt::test::json::array()}};
  BOOST_TEST(refusal(message_of("keep_aspect_ratio_resizer", fields)).find("above max_dimension 10") !=
             std::string::npos);
  BOOST_TEST(refusal(message_of("conditional_shape_resizer", fields)).find("fixed_shape_resizer") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_input_is_larger_than_the_largest) {
  using odt::size2;
  const auto kept = odt::image_resizer::keep_aspect_ratio(60, 100);
  BOOST_TEST((kept.largest_size() == size2{60, 100}));
  for (int height = 1; height < 400; height += 7)
    for (int width = 1; width < 400; width += 7) {
      const size2 input = kept.outer_size({height, width});
      BOOST_TEST(input.height * input.width <= 60 * 100);
    }
  BOOST_TEST((odt::image_resizer::keep_aspect_ratio(60, 100, true).largest_size() == size2{100, 100}));
  BOOST_TEST((odt::image_resizer::fixed_shape({30, 40}).largest_size() == size2{30, 40}));
  odt::image_resizer none;
  none.what = odt::image_resizer::kind::identity;
  BOOST_TEST(!none.largest_size().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
