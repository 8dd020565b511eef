// SPDX-License-Identifier: MIT
#include <odt/http/message.hpp>

#include <scratch.hpp>

using odt::http::request;

namespace {

request target(std::string_view text) {
  request asked;
  odt::http::take_target(asked, text);
  return asked;
}

auto with_status(int status) {
  return [status](const odt::http::refusal& e) { return e.status() == status; };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(message_tests)

BOOST_AUTO_TEST_CASE(a_target_in_its_parts) {
  const request asked = target("/v1/models/a%20b%2Fc:predict?x=1&y=a+b%26c&flag#part");
  BOOST_TEST(asked.path == "/v1/models/a b/c:predict");
  BOOST_TEST(asked.segments == (std::vector<std::string>{"v1", "models", "a b/c:predict"}),
             boost::test_tools::per_element());
  BOOST_TEST(asked.parameter("x") == "1");
  BOOST_TEST(asked.parameter("y") == "a b&c");
  BOOST_TEST(asked.parameter("flag") == "");
  BOOST_TEST(asked.parameter("none") == "");
  BOOST_TEST(target("/").segments.size() == 1u);
}

BOOST_AUTO_TEST_CASE(targets_that_are_refused) {
  for (const char* text : {"", "x", "http://a/b", "*", "/%", "/%4", "/%zz", "/a%00b", "/..", "/a/../b", "/a/./b",
                           "/%2e%2e/b", "/a?x=%g1", "/.%2E"})
    BOOST_CHECK_EXCEPTION(target(text), odt::http::refusal, with_status(400));
}

BOOST_AUTO_TEST_CASE(headers_in_any_case) {
  const request asked{.headers = {{"Content-Type", "text/plain"}, {"HOST", "a"}}};
  BOOST_TEST(asked.header("content-type") == "text/plain");
  BOOST_TEST(asked.header("Host") == "a");
  BOOST_TEST(asked.header("Hos") == "");
}

BOOST_AUTO_TEST_CASE(errors_are_json_whatever_they_say) {
  BOOST_TEST(odt::http::error_response(404, "no \"x\"").body == "{\"error\":\"no \\\"x\\\"\"}\n");
  BOOST_TEST(odt::http::error_response(400, "\xff").body == "{\"error\":\"\xef\xbf\xbd\"}\n");
}

BOOST_AUTO_TEST_SUITE_END()
