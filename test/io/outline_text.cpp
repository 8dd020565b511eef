// SPDX-License-Identifier: MIT
#include <odt/io/outline_text.hpp>

#include <odt/core/log.hpp>
#include <odt/io/draw.hpp>
#include <odt/io/file.hpp>
#include <odt/io/font.hpp>
#include <odt/io/shaping.hpp>
#include <odt/io/system_fonts.hpp>

#include "../scratch.hpp"
#include "toy_font.hpp"

#include <algorithm>

using namespace odt;
using namespace odt::test;

namespace {

// No font has it: it is no character by Unicode's word.
constexpr const char* nobodys = "\xf4\x8f\xbf\xbe";

image plain(int height, int width) {
  image picture(height, width);
  std::ranges::fill(picture.pixels, std::uint8_t{255});
  return picture;
}

int black_pixels(const image& picture, int top, int left, int bottom, int right) {
  int count = 0;
  for (int y = top; y < bottom; ++y)
    for (int x = left; x < right; ++x) count += picture.at(y, x)[0] == 0;
  return count;
}

int changed_pixels(const image& picture) {
  int count = 0;
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3) count += picture.pixels[i] != 255;
  return count;
}

/// What is warned of while this lives.
struct warnings {
  std::vector<std::string> texts;

  warnings() {
    set_log_sink([this](log_level, std::string_view text) { texts.emplace_back(text); });
  }
  ~warnings() { set_log_sink({}); }
};

struct font_file {
  scratch_directory at;
  std::string path = at / "toy.ttf";

  explicit font_file(std::string_view text, std::string_view empty = {}, std::string_view low = {}) {
    write_file(path, toy_font(text, empty, low));
  }
};

boost::unit_test::precondition needs_a_font_with(const char32_t* characters) {
  return boost::unit_test::precondition([=](boost::unit_test::test_unit_id) {
    boost::test_tools::assertion_result found(!system_fonts(characters).empty());
    found.message() << "no installed font has the characters, or fontconfig is missing";
    return found;
  });
}

boost::unit_test::precondition needs_a_shaper() {
  return boost::unit_test::precondition([](boost::unit_test::test_unit_id) {
    boost::test_tools::assertion_result found(can_shape());
    found.message() << "HarfBuzz is missing";
    return found;
  });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(outline_text_tests)

BOOST_AUTO_TEST_CASE(characters_stand_where_the_font_says) {
  const font_file font("H浣");
  // Capitals of 70 pixels: 0.1 pixels a unit. The ideograph is higher and reaches below the baseline.
  BOOST_TEST((text_size("HH", 70, font.path) == size2{70 + 24, 121}));
  BOOST_TEST((text_size("H浣", 70, font.path) == size2{90 + 24, 121}));
  image picture = plain(130, 140);
  draw_text(picture, 5, 10, "H浣", 70, {0, 0, 0}, font.path);
  BOOST_TEST(black_pixels(picture, 25, 10, 95, 60) == 70 * 50);
  BOOST_TEST(black_pixels(picture, 5, 70, 105, 120) == 100 * 50);
  BOOST_TEST(changed_pixels(picture) == 70 * 50 + 100 * 50);
}

BOOST_AUTO_TEST_CASE(a_named_font_serves_ascii_too_and_strokes_serve_it_without_one) {
  const font_file font("abc?浣");
  BOOST_TEST((text_size("abc", 9, font.path) != text_size("abc", 9)));
  BOOST_TEST(outline_text("abc", 9, "").empty());
  BOOST_TEST(!outline_text("abc", 9, font.path).empty());
}

BOOST_AUTO_TEST_CASE(invisible_characters_take_no_place) {
  const font_file font("ab浣");
  BOOST_TEST((text_size("a\u200d浣\ufe0f", 20, font.path) == text_size("a浣", 20, font.path)));
  BOOST_TEST(missing_characters("a\u200d浣\ufe0f", font.path).empty());
}

BOOST_AUTO_TEST_CASE(a_glyph_without_an_outline_is_none) {
  const font_file font("a", "\ue123");
  const true_type opened(font.path);
  BOOST_TEST(opened.glyph('a') != 0);
  BOOST_TEST(opened.glyph(' ') != 0);
  BOOST_TEST(opened.glyph(0xe123) == 0);
}

BOOST_AUTO_TEST_CASE(what_no_font_has_is_a_question_mark_and_is_told) {
  const font_file font("?浣");
  const std::string text = std::string("浣") + nobodys + nobodys;
  BOOST_TEST(missing_characters(text, font.path) == nobodys);
  BOOST_TEST((text_size(text, 20, font.path) == text_size("浣??", 20, font.path)));
  BOOST_TEST((text_size(nobodys, 20) == text_size("?", 20)));  // by strokes
}

BOOST_AUTO_TEST_CASE(a_name_that_cannot_be_drawn_is_told_once_with_what_to_do) {
  const warnings heard;
  const std::vector<std::string> names = {std::string("one ") + nobodys, "two"};
  image picture = plain(100, 200);
  for (int i = 0; i < 3; ++i)
    draw_detections(picture, {{{.2f, .2f, .8f, .8f}, 0, .9f}, {{.1f, .1f, .3f, .3f}, 1, .8f}}, names);
  BOOST_TEST_REQUIRE(heard.texts.size() == 1u);
  for (const std::string& piece : {names[0], std::string("--font"), std::string("fonts-")})
    BOOST_TEST((heard.texts[0].find(piece) != std::string::npos), heard.texts[0]);
}

BOOST_AUTO_TEST_CASE(scripts_that_need_a_shaper) {
  for (const char* name : {"עברית", "عربي", "हिन्दी", "ខ្មែរ"}) BOOST_TEST(needs_shaper(name), name);
  for (const char* name : {"cat", "浣熊", "енот", "너구리", "ไทย", "é"}) BOOST_TEST(!needs_shaper(name), name);
}

BOOST_AUTO_TEST_CASE(a_name_of_a_script_that_is_not_shaped_is_told) {
  const font_file font("cat:% 0123456789קת");
  draw_options options;
  options.font = font.path;
  const warnings heard;
  image picture = plain(100, 200);
  for (int i = 0; i < 2; ++i)
    draw_detections(picture, {{{.2f, .2f, .8f, .8f}, 0, .9f}}, std::vector<std::string>{"קת cat"}, options);
  BOOST_TEST(heard.texts.size() == (can_shape() ? 0u : 1u));
}

BOOST_AUTO_TEST_CASE(hebrew_runs_from_the_right, *needs_a_shaper()) {
  // In this font bet is higher than a capital, and alef is not.
  const font_file font("H7ב", "", "א");
  const auto high_places = [&](std::string_view text) {
    image picture = plain(130, 400);
    draw_text(picture, 0, 0, text, 70, {0, 0, 0}, font.path);
    std::string places;
    for (int x = 25; x < text_size(text, 70, font.path).width; x += 60)
      places += black_pixels(picture, 0, x, 15, x + 1) ? 'h' : '.';
    return places;
  };
  BOOST_TEST(high_places("אב") == "h.");
  BOOST_TEST(high_places("בא") == ".h");
  BOOST_TEST(high_places("בב א 7") == "..hh..");
  BOOST_TEST(high_places("H7אב") == "..h.");
}

BOOST_AUTO_TEST_CASE(advice_names_the_package_of_the_script) {
  BOOST_TEST((font_advice("浣").find("fonts-noto-cjk") != std::string::npos));
  BOOST_TEST((font_advice("한").find("fonts-noto-cjk") != std::string::npos));
  BOOST_TEST((font_advice("😀").find("fonts-symbola") != std::string::npos));
  BOOST_TEST((font_advice("ह").find("fonts-noto-core") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(a_long_name_is_shortened_by_whole_characters) {
  const font_file font("浣.H");
  std::string name;
  for (int i = 0; i < 60; ++i) name += "浣";
  const warnings heard;
  image picture = plain(60, 100);
  draw_options options;
  options.font = font.path;
  draw_detections(picture, {{{.4f, .1f, .9f, .9f}, 0, .9f}}, std::vector<std::string>{name}, options);
  BOOST_TEST(heard.texts.empty());
  BOOST_TEST(changed_pixels(picture) > 0);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_font_is_refused_by_name) {
  const scratch_directory at;
  const auto open = [&](std::string_view bytes) {
    write_file(at / "a.ttf", bytes);
    text_size("浣", 9, at / "a.ttf");
  };
  check_error([&] { open("no font, whatever its name says"); }, {at / "a.ttf", "no TrueType or OpenType font"});
  check_error([&] { open(""); }, {at / "a.ttf", "no TrueType or OpenType font"});
  const std::string whole = toy_font("a浣");
  check_error([&] { open(whole.substr(0, whole.size() / 2)); }, {at / "a.ttf", "cut short"});
  check_error([&] { open(whole.substr(0, 20)); }, {at / "a.ttf", "cut short"});
  check_error([&] { text_size("浣", 9, at / "none.ttf"); }, {at / "none.ttf", "No such file"});
}

BOOST_AUTO_TEST_CASE(ideographs_by_an_installed_font, *needs_a_font_with(U"浣")) {
  BOOST_TEST(missing_characters("浣熊", "").empty());
  image drawn = plain(60, 200), marks = drawn;
  draw_text(drawn, 10, 10, "浣熊", 20, {0, 0, 0});
  draw_text(marks, 10, 10, "??", 20, {0, 0, 0});
  BOOST_TEST(changed_pixels(drawn) > 100);
  BOOST_TEST((drawn.pixels != marks.pixels));
  BOOST_TEST(text_size("浣熊", 20).width > 40);
}

BOOST_AUTO_TEST_CASE(letters_with_accents_by_an_installed_font, *needs_a_font_with(U"Éж")) {
  image drawn = plain(60, 200);
  draw_text(drawn, 10, 10, "Éж", 20, {0, 0, 0});
  BOOST_TEST(changed_pixels(drawn) > 100);
  BOOST_TEST(text_size("É", 20).height > text_size("жe", 20).height);
}

BOOST_AUTO_TEST_SUITE_END()
