// SPDX-License-Identifier: MIT
#include <odt/http/guard.hpp>

#include <boost/test/unit_test.hpp>

using odt::http::guard;
using odt::http::request;

namespace {

/// 0: may enter.
int answer(const guard& g, const request& asked) {
  const auto away = g.turned_away(asked);
  return away ? away->status : 0;
}

request asked(std::string method, odt::http::fields headers, std::string target = "/x") {
  request r{.method = std::move(method), .headers = std::move(headers)};
  take_target(r, target);
  return r;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(guard_tests)

BOOST_AUTO_TEST_CASE(names_of_hosts) {
  BOOST_TEST(odt::http::host_name("LocalHost:80") == "localhost");
  BOOST_TEST(odt::http::host_name("[::1]:80") == "::1");
  BOOST_TEST(odt::http::host_name("a.b") == "a.b");
}

BOOST_AUTO_TEST_CASE(a_rebound_name_is_turned_away) {
  const guard g({.port = 8501});
  for (const char* host : {"localhost", "LOCALHOST:8501", "127.0.0.1:9", "127.1.2.3", "[::1]:8501", "odt.localhost"})
    BOOST_TEST(answer(g, asked("GET", {{"Host", host}})) == 0, host);
  for (const char* host :
       {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8501", "10.0.0.1", "[::2]"})
    BOOST_TEST(answer(g, asked("GET", {{"Host", host}})) == 403, host);
  const guard known({.hosts = {"Label.example:443"}});
  BOOST_TEST(answer(known, asked("GET", {{"Host", "label.example"}})) == 0);
  BOOST_TEST(answer(known, asked("GET", {{"Host", "other.example"}})) == 403);
}

BOOST_AUTO_TEST_CASE(pages_from_elsewhere_change_nothing) {
  const guard g({});
  const auto post = [&](const char* origin) {
    return answer(g, asked("POST", {{"Host", "localhost:8501"}, {"Origin", origin}}));
  };
  BOOST_TEST(post("http://localhost:8501") == 0);
  BOOST_TEST(post("HTTP://LocalHost:8501") == 0);
  for (const char* origin :
       {"http://localhost:3000", "https://evil.example", "null", "http://localhost:8501.evil.example"})
    BOOST_TEST(post(origin) == 403, origin);
  for (const char* method : {"PUT", "DELETE", "PATCH", "BREW"})
    BOOST_TEST(answer(g, asked(method, {{"Host", "localhost"}, {"Origin", "https://evil.example"}})) == 403);
  BOOST_TEST(answer(g, asked("POST", {{"Host", "localhost"}})) == 0);  // no browser
}

BOOST_AUTO_TEST_CASE(a_token_by_header_and_by_cookie) {
  const guard g({.loopback = false, .token = "secret word", .port = 8501});
  const auto with = [&](std::string name, std::string value) {
    return answer(g, asked("GET", {{"Host", "any.example"}, {std::move(name), std::move(value)}}));
  };
  BOOST_TEST(with("Accept", "*/*") == 401);
  BOOST_TEST(with("Authorization", "Bearer secret word") == 0);
  BOOST_TEST(with("authorization", "bearer secret word") == 0);
  BOOST_TEST(with("Authorization", "Bearer secret wor") == 401);
  BOOST_TEST(with("Authorization", "Bearer ") == 401);
  BOOST_TEST(with("Authorization", "Basic secret word") == 401);
  BOOST_TEST(with("Cookie", "odt_token_8501=secret word") == 401);  // a cookie is not the token itself

  const auto given = g.turned_away(asked("GET", {{"Host", "any.example"}}, "/a%20b?x=1&token=secret+word&y=2"));
  BOOST_REQUIRE(given);
  BOOST_TEST(given->status == 303);
  BOOST_TEST(odt::http::field(given->headers, "Location") == "/a%20b?x=1&y=2");
  const std::string cookie(odt::http::field(given->headers, "Set-Cookie"));
  BOOST_TEST(cookie.find("; HttpOnly; SameSite=Strict; Path=/") != cookie.npos);
  BOOST_TEST(cookie.find("secret") == cookie.npos);
  BOOST_TEST(with("Cookie", "other=1; " + cookie.substr(0, cookie.find(';'))) == 0);
  const guard other({.loopback = false, .token = "another", .port = 8501});
  BOOST_TEST(answer(other, asked("GET", {{"Host", "x"}, {"Cookie", cookie.substr(0, cookie.find(';'))}})) == 401);
  BOOST_TEST(answer(g, asked("GET", {{"Host", "x"}}, "/?token=wrong")) == 401);
  BOOST_TEST(answer(g, asked("POST", {{"Host", "x"}}, "/?token=secret+word")) == 401);
}

BOOST_AUTO_TEST_CASE(the_token_leads_to_no_other_host) {
  const guard g({.token = "t"});
  const auto given = g.turned_away(asked("GET", {{"Host", "localhost"}}, "//evil.example/?token=t"));
  BOOST_REQUIRE(given);
  BOOST_TEST(odt::http::field(given->headers, "Location") == "/evil.example/");
}

BOOST_AUTO_TEST_CASE(tokens_by_chance) {
  BOOST_TEST(odt::http::random_token().size() == 32u);
  BOOST_TEST(odt::http::random_token() != odt::http::random_token());
}

BOOST_AUTO_TEST_SUITE_END()
