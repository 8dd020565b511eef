// SPDX-License-Identifier: MIT
#include <odt/io/text_file.hpp>

#include <odt/io/file.hpp>

#include <boost/test/unit_test.hpp>
#include <scratch.hpp>

using odt::test::check_error;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(text_file)

BOOST_AUTO_TEST_CASE(byte_order_mark_and_line_ends_go) {
  BOOST_CHECK_EQUAL(odt::plain_text("\xEF\xBB\xBF"s + "a\r\nb\rc\n\r", "t"), "a\nb\nc\n\n");
  BOOST_CHECK_EQUAL(odt::plain_text("", "t"), "");
  BOOST_CHECK_EQUAL(odt::plain_text("é \xE6\xB5\xA3 \xF0\x9F\xA6\x9D", "t"), "é \xE6\xB5\xA3 \xF0\x9F\xA6\x9D");
}

BOOST_AUTO_TEST_CASE(utf_16_is_decoded_or_refused) {
  const std::string little(
      "\xFF\xFE"
      "a\0\r\0\n\0\xE9\0\x3D\xD8\x00\xDE",
      14);
  BOOST_CHECK_EQUAL(odt::plain_text(little, "t", odt::text_encoding::unicode), "a\né\xF0\x9F\x98\x80");
  BOOST_CHECK_EQUAL(odt::plain_text(std::string("\xFE\xFF\0a\0b", 6), "t", odt::text_encoding::unicode), "ab");
  BOOST_CHECK_EQUAL(odt::plain_text(std::string("a\0b\0c\0", 6), "t", odt::text_encoding::unicode), "abc");
  BOOST_CHECK_EQUAL(odt::plain_text(std::string("\0a\0b\0c", 6), "t", odt::text_encoding::unicode), "abc");
  check_error([&] { odt::plain_text(little, "t.pbtxt"); }, {"t.pbtxt: is UTF-16; save it as UTF-8"});
  // Half a surrogate pair
  check_error([&] { odt::plain_text(little.substr(0, 12), "t", odt::text_encoding::unicode); }, {"t:2: not UTF-16"});
}

BOOST_AUTO_TEST_CASE(what_is_no_text_is_named) {
  check_error([] { odt::plain_text("\n\n<!DOCTYPE HTML>\n", "t"); }, {"t: is a web page", "raw file"});
  check_error([] { odt::plain_text("<html lang=\"en\">", "t"); }, {"t: is a web page"});
  check_error([] { odt::plain_text("PK\3\4\x14\0\6\0"s, "t.csv"); }, {"t.csv: is an Excel workbook", "CSV UTF-8"});
  check_error([] { odt::plain_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "t"); },
              {"t: is a Git LFS pointer", "git lfs pull"});
  check_error([] { odt::plain_text("%PDF-1.4\n", "t"); }, {"t: is a PDF"});
  check_error([] { odt::plain_text("{\\rtf1\\ansi", "t"); }, {"t: is an RTF document"});
  check_error([] { odt::plain_text("\x1F\x8B\x08", "t"); }, {"t: is compressed by gzip"});
  check_error([] { odt::plain_text("ab\nc\0d"s, "t"); }, {"t:2: a zero byte"});
  BOOST_CHECK_EQUAL(odt::mistaken_content("\xFF\xD8\xFF\xE0"), "");
  BOOST_CHECK_EQUAL(odt::mistaken_content("<annotation>"), "");
}

BOOST_AUTO_TEST_CASE(bytes_that_are_not_utf_8_are_named_with_their_line) {
  check_error([] { odt::plain_text("a\r\nb \xE4 c", "t"); }, {"t:2: not UTF-8 (byte 0xE4); save the file as UTF-8"});
  check_error([] { odt::plain_text("\xC0\x80", "t"); }, {"t:1: not UTF-8"});
  check_error([] { odt::plain_text("\n\n\xE6\xB5", "t"); }, {"t:3: not UTF-8 (byte 0xE6)"});
}

BOOST_AUTO_TEST_CASE(other_encodings_are_decoded) {
  BOOST_CHECK_EQUAL(odt::decoded_text("\xE4\xBD\xD0\xDC", "GBK", "t"), "\xE6\xB5\xA3\xE7\x86\x8A");
  BOOST_CHECK_EQUAL(odt::decoded_text("cr\xEApe \x96 x\r\n", "windows-1252", "t"), "crêpe – x\n");
  BOOST_CHECK_EQUAL(odt::decoded_text("cr\xEApe \x96 x", "ISO-8859-1", "t"), "crêpe – x");
  check_error([] { odt::decoded_text("a", "klingon", "t"); }, {"t: the encoding \"klingon\" is not known"});
  check_error([] { odt::decoded_text("a\nb\xFF", "GBK", "t"); }, {"t:2: not GBK (byte 0xFF)"});
}

BOOST_AUTO_TEST_CASE(files) {
  const odt::test::scratch_directory here;
  odt::write_file(here / "t",
                  "\xEF\xBB\xBF"
                  "a\r");
  BOOST_CHECK_EQUAL(odt::read_text(here / "t"), "a\n");
  check_error([&] { odt::read_text(here / "none"); }, {"none: cannot open"});
}

BOOST_AUTO_TEST_SUITE_END()
