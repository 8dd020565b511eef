// SPDX-License-Identifier: MIT
#include <odt/io/unicode.hpp>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(unicode)

BOOST_AUTO_TEST_CASE(characters_go_there_and_back) {
  for (const char32_t c : {U'a', U'\u00E9', U'\u07FF', U'\u0800', U'\uFFFD', U'\U00010000', U'\U0010FFFF'}) {
    std::string text;
    odt::append_character(text, c);
    std::size_t at = 0;
    BOOST_CHECK(odt::next_character(text, at) == c);
    BOOST_CHECK_EQUAL(at, text.size());
    text.pop_back();
    at = 0;
    BOOST_CHECK(odt::next_character(text, at) == odt::no_character);
    BOOST_CHECK_EQUAL(at, 0u);
  }
}

BOOST_AUTO_TEST_CASE(not_utf8_is_found) {
  BOOST_CHECK_EQUAL(odt::find_not_utf8("abc é"), std::string_view::npos);
  for (const char* const bad : {"ab\x80", "ab\xC1\xBF", "ab\xE0\x80\x80", "ab\xED\xA0\x80", "ab\xF0\x80\x80\x80",
                                "ab\xF4\x90\x80\x80", "ab\xF5\x80\x80\x80", "ab\xE6\xB5", "ab\xE6z"})
    BOOST_CHECK_EQUAL(odt::find_not_utf8(bad), 2u);
}

BOOST_AUTO_TEST_CASE(deceptive_characters_are_named) {
  BOOST_CHECK_EQUAL(odt::deceptive_character("plain café"), "");
  BOOST_CHECK_EQUAL(odt::deceptive_character("cat\xC2\xA0"), "U+00A0 no-break space");
  BOOST_CHECK_EQUAL(odt::deceptive_character("\xEF\xBB\xBF"
                                             "cat"),
                    "U+FEFF zero width no-break space");
  BOOST_CHECK_EQUAL(odt::deceptive_character("\xC2\x96"), "U+0096 control character");
  BOOST_CHECK_EQUAL(odt::character_name(0x4E2D), "U+4E2D");
}

BOOST_AUTO_TEST_CASE(advice_names_the_character) {
  BOOST_CHECK_EQUAL(odt::character_advice("a\xC2\xA0", 1), "U+00A0 no-break space; write an ordinary space");
  BOOST_CHECK_EQUAL(odt::character_advice("\xE2\x80\x98", 0),
                    "the quote is a typographic one (U+2018 left single quotation mark); write ' or \"");
  BOOST_CHECK_EQUAL(odt::character_advice("\xE2\x80\x8B", 0),
                    "U+200B zero width space, which cannot be seen; remove it");
  BOOST_CHECK_EQUAL(odt::character_advice("é", 0), "the character U+00E9 may stand only within quotes");
  BOOST_CHECK_EQUAL(odt::character_advice("a", 0), "");
}

BOOST_AUTO_TEST_CASE(ends_are_trimmed_of_what_cannot_be_seen) {
  BOOST_CHECK_EQUAL(odt::trimmed_text(" \xC2\xA0 red\xC2\xA0 car\xE2\x80\x8B\t"), "red\xC2\xA0 car");
  BOOST_CHECK_EQUAL(odt::trimmed_text("\xE3\x80\x80"), "");
  BOOST_CHECK_EQUAL(odt::trimmed_text("\u201Ccar\u201D"), "\u201Ccar\u201D");
}

BOOST_AUTO_TEST_CASE(texts_that_people_take_for_the_same_fold_alike) {
  struct pair {
    const char *a, *b, *difference;
  };
  const pair alike[] = {
      {"IMG_1.JPG", "img_1.jpg", "upper and lower case"},
      {"É.jpg", "é.jpg", "upper and lower case"},
      {"ЖУК", "жук", "upper and lower case"},
      {"Ωmega", "ωmega", "upper and lower case"},
      {"caf\u00E9", "cafe\u0301", "how accents are stored"},
      {"\u1EC7", "e\u0323\u0302", "how accents are stored"},
      {"\uAC01", "\u1100\u1161\u11A8", "how accents are stored"},
      {"\u304C", "\u304B\u3099", "how accents are stored"},
      {"red car", "red\u00A0car", "spaces or invisible characters"},
      {"car ", "\u200Bcar", "spaces or invisible characters"},
      {"Caf\u00E9 ", "cafe\u0301", "case, spaces or"},
  };
  for (const auto& [a, b, difference] : alike) {
    BOOST_CHECK_EQUAL(odt::folded_text(a), odt::folded_text(b));
    BOOST_CHECK(odt::folded_difference(a, b).starts_with(difference));
  }
  BOOST_CHECK_NE(odt::folded_text("cafe"), odt::folded_text("café"));
  BOOST_CHECK_NE(odt::folded_text("img 11"), odt::folded_text("img 1 1"));
  BOOST_CHECK_NE(odt::folded_text("img1"), odt::folded_text("img 1"));
}

BOOST_AUTO_TEST_SUITE_END()
