// SPDX-License-Identifier: MIT
#include <odt/serve/json.hpp>
#include <odt/serve/status.hpp>

#include <scratch.hpp>

#include <cmath>
#include <limits>

using odt::serve::json_value;
using odt::serve::parse_json;
using kind = json_value::kind;

namespace {

std::string refusal_of(std::string_view text, const odt::serve::json_limits& limits = {}) {
  try {
    parse_json(text, limits);
  } catch (const odt::serve::failure& wrong) {
    BOOST_TEST((wrong.as_status().what == odt::serve::code::invalid_argument));
    return wrong.what();
  }
  return "";
}

std::string written(float number) {
  std::string out;
  odt::serve::append_json(out, number);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(json_tests)

BOOST_AUTO_TEST_CASE(scalars) {
  BOOST_TEST((parse_json(" null ").what == kind::null));
  BOOST_TEST(parse_json("true").number == 1);
  BOOST_TEST((parse_json("false").what == kind::boolean));
  BOOST_TEST(parse_json("\"a\\n\\\"\\u00e9\\ud83d\\ude00/\\/\"").text == "a\n\"\xc3\xa9\xf0\x9f\x98\x80//");
  for (const auto& [text, value] : {std::pair{"0", 0.0},
                                    {"-0", -0.0},
                                    {"255", 255.0},
                                    {"1.5", 1.5},
                                    {"-2e3", -2000.0},
                                    {"12345678901234567890", 12345678901234567890.0},
                                    {"1E-2", 0.01},
                                    {"0.25", 0.25}})
    BOOST_TEST(parse_json(text).number == value, text);
  BOOST_TEST(std::isnan(parse_json("NaN").number));
  BOOST_TEST(parse_json("Infinity").number == std::numeric_limits<double>::infinity());
  BOOST_TEST(parse_json("Inf").number == std::numeric_limits<double>::infinity());
  BOOST_TEST(parse_json("-Infinity").number == -std::numeric_limits<double>::infinity());
}

BOOST_AUTO_TEST_CASE(lists_of_numbers_are_one_block) {
  const json_value block = parse_json("[[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, NaN]]]");
  BOOST_TEST((block.what == kind::numbers));
  BOOST_TEST(block.shape == (std::vector<std::int64_t>{2, 2, 3}), boost::test_tools::per_element());
  BOOST_TEST(block.numbers.size() == 12u);
  BOOST_TEST(block.numbers[9] == 10);
  BOOST_TEST(std::isnan(block.numbers[11]));
  BOOST_TEST(parse_json("[]").shape == (std::vector<std::int64_t>{0}), boost::test_tools::per_element());
  BOOST_TEST(parse_json("[[],[]]").shape == (std::vector<std::int64_t>{2, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(other_lists_are_lists) {
  const json_value ragged = parse_json("[[1, 2], [3], [4, 5]]");
  BOOST_TEST((ragged.what == kind::list));
  BOOST_REQUIRE(ragged.list.size() == 3u);
  BOOST_TEST(ragged.list[0].numbers[1] == 2);
  BOOST_TEST(ragged.list[1].shape[0] == 1);
  const json_value mixed = parse_json("[1, 2, \"x\", 3]");
  BOOST_REQUIRE(mixed.list.size() == 4u);
  BOOST_TEST(mixed.list[1].number == 2);
  BOOST_TEST(mixed.list[2].text == "x");
}

BOOST_AUTO_TEST_CASE(objects) {
  const json_value object = parse_json("{\"a\": {\"b\": [1]}, \"c\" : \"d\"}");
  BOOST_REQUIRE(object.find("a"));
  BOOST_REQUIRE(object.find("a")->find("b"));
  BOOST_TEST(object.find("a")->find("b")->numbers[0] == 1);
  BOOST_TEST(object.find("c")->text == "d");
  BOOST_TEST(!object.find("d"));
  BOOST_TEST(parse_json("{}").object.empty());
}

BOOST_AUTO_TEST_CASE(what_is_no_json) {
  BOOST_TEST(refusal_of("") == "JSON Parse error: The document is empty. at offset: 0");
  BOOST_TEST(refusal_of("[1 2]").find("at offset: 3") != std::string::npos);
  for (const char* text : {"{",
                           "[",
                           "[1,",
                           "[1,]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "01",
                           "1.",
                           ".5",
                           "+1",
                           "1e",
                           "--1",
                           "-",
                           "1 2",
                           "nul",
                           "nan",
                           "\"",
                           "\"\\x\"",
                           "\"\\u12g4\"",
                           "\"\\ud800\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\udc00\"",
                           "\"\n\"",
                           "]",
                           "{\"a\":1 \"b\":2}",
                           "1e999",
                           "\xff"})
    BOOST_TEST(!refusal_of(text).empty(), text);
  BOOST_TEST(refusal_of("{\"a\":1,\"a\":2}").find("\"a\" occurs twice") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(limits) {
  BOOST_TEST(refusal_of("[[[1]]]", {.depth = 3}) == "");
  BOOST_TEST(refusal_of("[[[1]]]", {.depth = 2}).find("nested too deeply") != std::string::npos);
  BOOST_TEST(!refusal_of(std::string(1'000'000, '[')).empty());
  BOOST_TEST(!refusal_of(std::string(1'000'000, '{')).empty());
  BOOST_TEST(refusal_of("[1,2,3,4,5,6,7,8,9]", {.values = 3}) == "");  // one block
  BOOST_TEST(refusal_of("[\"\",\"\",\"\",\"\"]", {.values = 3}).find("too many values") != std::string::npos);
  BOOST_TEST(refusal_of("[[1],[2],[3],[4,5],[6],[7]]", {.values = 3}).find("too many values") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(numbers_as_tensorflow_writes_them) {
  BOOST_TEST(written(1) == "1.0");
  BOOST_TEST(written(0.1f) == "0.1");
  BOOST_TEST(written(-3) == "-3.0");
  BOOST_TEST(written(1e30f) == "1e+30");
  BOOST_TEST(written(std::numeric_limits<float>::quiet_NaN()) == "NaN");
  BOOST_TEST(written(-std::numeric_limits<float>::infinity()) == "-Infinity");
  std::string out;
  const float numbers[] = {1, 2, 3, 4};
  const std::int64_t shape[] = {2, 2};
  odt::serve::append_json(out, numbers, shape, 2);
  BOOST_TEST(out == "[[1.0,2.0],[3.0,4.0]]");
  out.clear();
  odt::serve::append_json(out, "a\"\\\n\x01z");
  BOOST_TEST(out == "\"a\\\"\\\\\\u000a\\u0001z\"");
}

BOOST_AUTO_TEST_CASE(base64) {
  for (const auto& [plain, code] :
       {std::pair{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}}) {
    BOOST_TEST(odt::serve::encode_base64(plain) == code);
    BOOST_TEST(odt::serve::decode_base64(code) == plain);
  }
  BOOST_TEST(odt::serve::decode_base64("Zm8") == "fo");
  BOOST_TEST(odt::serve::decode_base64("-_-_") == odt::serve::decode_base64("+/+/"));
  BOOST_TEST(odt::serve::decode_base64("Zm9v\r\nZm9v") == "foofoo");
  for (const char* wrong : {"Z", "Zm9vZ", "Zm*v", "Z=m9", "\xff\xff\xff\xff"})
    BOOST_CHECK_THROW(odt::serve::decode_base64(wrong), odt::serve::failure);
}

BOOST_AUTO_TEST_SUITE_END()
