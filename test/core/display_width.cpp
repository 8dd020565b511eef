// SPDX-License-Identifier: MIT
#include <odt/core/display_width.hpp>

#include <odt/core/utf8.hpp>

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace odt;

namespace {

std::vector<char32_t> characters(std::string_view text) {
  std::vector<char32_t> all;
  for_each_character(text, [&](char32_t c, std::string_view) { all.push_back(c); });
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(display_width_tests)

BOOST_AUTO_TEST_CASE(characters_of_one_to_four_bytes) {
  BOOST_TEST((characters("aé浣🦝") == std::vector<char32_t>{U'a', U'é', U'浣', U'🦝'}));
  BOOST_TEST((characters("\xf4\x8f\xbf\xbf") == std::vector<char32_t>{0x10ffff}));
  BOOST_TEST(characters("").empty());
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_utf8_stand_for_themselves) {
  const auto bad = [](std::size_t count) { return std::vector<char32_t>(count, replacement_character); };
  BOOST_TEST((characters("\xff") == bad(1)));
  BOOST_TEST((characters("\xc0\xaf") == bad(2)));          // longer than needed
  BOOST_TEST((characters("\xe0\x80\xaf") == bad(3)));      // the same
  BOOST_TEST((characters("\xed\xa0\x80") == bad(3)));      // half of a UTF-16 pair
  BOOST_TEST((characters("\xf4\x90\x80\x80") == bad(4)));  // beyond the last one
  BOOST_TEST((characters("\xe6\xb5") == bad(2)));          // cut
  BOOST_TEST((characters("\xe6"
                         "a") == std::vector<char32_t>{replacement_character, U'a'}));
}

BOOST_AUTO_TEST_CASE(columns_of_characters) {
  for (const char32_t c : {U'a', U'~', U'é', U'ж', U'\u00ad', U'\uff71'}) BOOST_TEST(display_width(c) == 1, int(c));
  for (const char32_t c : {U'浣', U'あ', U'한', U'ｗ', U'🦝', U'😀', U'\U00020000'})
    BOOST_TEST(display_width(c) == 2, int(c));
  for (const char32_t c : {U'\u0301', U'\u200b', U'\u200d', U'\ufe0f', U'\u0e31', U'\u093f'})
    BOOST_TEST(display_width(c) == (c == U'\u093f' ? 1 : 0), int(c));
}

BOOST_AUTO_TEST_CASE(texts_are_padded_by_columns) {
  BOOST_TEST(display_width("浣熊") == 4u);
  BOOST_TEST(display_width("e\u0301te\u0301") == 3u);
  BOOST_TEST(padded("浣熊", 6) == "浣熊  ");
  BOOST_TEST(padded("енот", 6, true) == "  енот");
  BOOST_TEST(padded("e\u0301", 3) == "e\u0301  ");
  BOOST_TEST(padded("cat", 2) == "cat");
}

BOOST_AUTO_TEST_CASE(texts_are_cut_between_characters) {
  BOOST_TEST(cut_to_width("浣熊", 4) == "浣熊");
  BOOST_TEST(cut_to_width("浣熊", 3) == "浣");
  BOOST_TEST(cut_to_width("浣熊", 1) == "");
  BOOST_TEST(cut_to_width("e\u0301a", 1) == "e\u0301");
  BOOST_TEST(cut_to_width("plain text", 5) == "plain");
}

BOOST_AUTO_TEST_SUITE_END()
