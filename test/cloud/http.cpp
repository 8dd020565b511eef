// SPDX-License-Identifier: MIT
#include <odt/cloud/http.hpp>

#include <cloud/toy_server.hpp>
#include <scratch.hpp>

using odt::cloud::http_request;

BOOST_AUTO_TEST_SUITE(http_tests)

BOOST_AUTO_TEST_CASE(pauses_grow_by_chance_up_to_a_bound) {
  const odt::cloud::retry_policy policy{.attempts = 8, .first_seconds = 0.5, .longest_seconds = 3};
  BOOST_TEST(odt::cloud::pause_seconds(policy, 0, 1) == 0.5);
  BOOST_TEST(odt::cloud::pause_seconds(policy, 2, 1) == 2);
  BOOST_TEST(odt::cloud::pause_seconds(policy, 2, 0.25) == 0.5);
  BOOST_TEST(odt::cloud::pause_seconds(policy, 3, 1) == 3);
  BOOST_TEST(odt::cloud::pause_seconds(policy, 40, 0) == 0);
}

BOOST_AUTO_TEST_CASE(what_may_pass_is_asked_again) {
  for (const int status : {408, 429, 500, 502, 503, 504}) BOOST_TEST(odt::cloud::may_pass(status));
  for (const int status : {200, 206, 301, 308, 400, 401, 403, 404, 412, 416, 501})
    BOOST_TEST(!odt::cloud::may_pass(status));
}

BOOST_AUTO_TEST_CASE(text_in_urls) {
  BOOST_TEST(odt::cloud::url_encoded("a-b_c.d~9") == "a-b_c.d~9");
  BOOST_TEST(odt::cloud::url_encoded("a b/\xc3\xa9+") == "a%20b%2F%C3%A9%2B");
  BOOST_TEST(odt::cloud::url_encoded("a b/c", true) == "a%20b/c");
}

BOOST_AUTO_TEST_CASE(nobody_answers) {
  int made = 0;
  const auto make = [&made] {
    ++made;
    return odt::cloud::http_request{.url = "http://127.0.0.1:1/none", .direct = true};
  };
  BOOST_CHECK_EXCEPTION(odt::cloud::send(make, {.attempts = 3, .first_seconds = 0.001}), odt::cloud::connection_error,
                        odt::test::says("127.0.0.1:1"));
  BOOST_TEST(made == 3);
}

BOOST_AUTO_TEST_CASE(trouble_that_passes) {
  int number = 0;
  odt::test::toy_server server([&](const std::string&) -> std::string {
    switch (number++) {
      case 0:
        return odt::test::http_answer(503, "busy");
      case 1:
        return odt::test::http_answer(200, "half of", 20);
      case 2:
        return "";
      default:
        return odt::test::http_answer(200, "the whole", 0, "ETag: \"x\"\r\n");
    }
  });
  const auto answer = odt::cloud::send([&] { return http_request{.url = "http://" + server.host, .direct = true}; },
                                       {.attempts = 5, .first_seconds = 0.001});
  BOOST_TEST(answer.status == 200);
  BOOST_TEST(answer.body == "the whole");
  BOOST_TEST(answer.header("etag") == "\"x\"");
  BOOST_TEST(server.requests == 4);
}

BOOST_AUTO_TEST_CASE(trouble_that_stays) {
  odt::test::toy_server server([](const std::string&) { return odt::test::http_answer(503, "busy"); });
  const auto make = [&] { return http_request{.url = "http://" + server.host, .direct = true}; };
  BOOST_TEST(odt::cloud::send(make, {.attempts = 3, .first_seconds = 0.001}).status == 503);
  BOOST_TEST(server.requests == 3);
}

BOOST_AUTO_TEST_CASE(what_is_denied_is_asked_once) {
  odt::test::toy_server server([](const std::string&) { return odt::test::http_answer(403, "no"); });
  BOOST_TEST(odt::cloud::send([&] { return http_request{.url = "http://" + server.host, .direct = true}; }).status ==
             403);
  BOOST_TEST(server.requests == 1);
}

BOOST_AUTO_TEST_CASE(a_body_and_headers_are_sent) {
  std::string received;
  odt::test::toy_server server([&](const std::string& request) {
    received = request;
    return odt::test::http_answer(200, "");
  });
  odt::cloud::send_once({.method = "PUT",
                         .url = "http://" + server.host + "/a/../b",
                         .headers = {{"x-name", "value"}},
                         .body = "content",
                         .direct = true});
  BOOST_TEST(received.starts_with("PUT /a/../b HTTP/1.1\r\n"));  // as it was signed
  BOOST_TEST(received.find("x-name: value\r\n") != std::string::npos);
  BOOST_TEST(received.ends_with("\r\n\r\ncontent"));
}

BOOST_AUTO_TEST_SUITE_END()
