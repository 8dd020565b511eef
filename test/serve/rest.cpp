// SPDX-License-Identifier: MIT
#include <odt/core/log.hpp>
#include <odt/http/server.hpp>
#include <odt/io/image_file.hpp>
#include <odt/serve/json.hpp>
#include <odt/serve/rest.hpp>

#include <http/client.hpp>
#include <scratch.hpp>
#include <serve/stub.hpp>

#include <chrono>
#include <memory>
#include <random>
#include <thread>

using odt::test::body_of;
using odt::test::get;
using odt::test::post;
using odt::test::raw_client;
using odt::test::status_of;

namespace {

constexpr std::string_view one_white = "{\"instances\": [[[[255, 255, 255]]]]}";

/// A server of a stub's version 1 as model "m".
struct fixture {
  fixture() {
    odt::set_log_sink([](odt::log_level, std::string_view) {});
    odt::test::write_export(at / "base/1");
    all.emplace(types, std::vector<odt::serve::model_config>{{.name = "m", .base_path = at / "base"}}, how, count);
    rest.emplace(*all, count, odt::serve::rest_options{.timeout = 2});
    rest->write_on([this](std::function<void()> work) { web->post(std::move(work)); });
    web.emplace(odt::http::server_options{.threads = 2}, odt::http::server::async_handler(std::cref(*rest)));
  }
  ~fixture() {
    web->stop();
    all->stop();
    odt::set_log_sink({});
  }

  std::string ask(const std::string& request) const { return raw_client(web->port()).ask(request); }

  odt::test::scratch_directory at;
  odt::test::stub_behaviour stub;
  std::vector<odt::detector_type> types{odt::test::stub_type(stub)};
  odt::serve::models_options how{.servables = {.batching = {.max_batch_size = 2, .max_enqueued_batches = 2}},
                                 .poll_seconds = 0.05};
  odt::serve::metrics count;
  std::optional<odt::serve::models> all;
  std::optional<odt::serve::rest_service> rest;
  std::optional<odt::http::server> web;
};

std::string mutated(std::mt19937& random, std::string text) {
  static constexpr std::string_view pieces[] = {"[", "]",   "{", "}",   "\"",   "\\u",  ",",
                                                ":", "NaN", "-", "1e9", "null", "\r\n", "%"};
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  for (std::size_t times = 1 + below(5); times > 0; --times) {
    const std::size_t at = below(text.size() + 1);
    switch (below(5)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(below(256));
        break;
      case 1:
        text.insert(at, pieces[below(std::size(pieces))]);
        break;
      case 2:
        text.erase(at, 1 + below(20));
        break;
      case 3:
        text.insert(at, text.substr(at, 1 + below(30)));
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
    }
  }
  return text;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(rest_tests, fixture)

BOOST_AUTO_TEST_CASE(predict) {
  const std::string answer = ask(post("/v1/models/m:predict", one_white));
  BOOST_TEST(status_of(answer) == 200);
  BOOST_TEST(body_of(answer).find("\"detection_scores\": [1.0,0.0,0.0,0.0,0.0]") != std::string::npos);
  BOOST_TEST(status_of(ask(post("/V1/MODELS/m/Versions/1:PREDICT", one_white))) == 200);
  BOOST_TEST(status_of(ask(post("/v1/models/%6d:predict", one_white))) == 200);
  BOOST_TEST(status_of(ask(post("/v1/models/M:predict", one_white))) == 404);  // a name keeps its case
}

BOOST_AUTO_TEST_CASE(paths_that_are_none) {
  for (const char* path :
       {"/v1/models/m:", "/v1/models/:predict", "/v1/models/m/versions/:predict", "/v1/models/m/versions/x:predict",
        "/v1/models/m/versions/-1:predict", "/v1/models/m/a/b/c:predict", "/v2/models/m:predict", "/v1/models/m",
        "/v1/models/m/metadata:predict", "/v1/models/m:predict/", "/"})
    BOOST_TEST(status_of(ask(post(path, one_white))) == 400, path);
  for (const char* path :
       {"/v1/models/m:predict", "/v1/models/m/versions/x", "/v1/models/m/other", "/v1/models/", "/x"})
    BOOST_TEST(status_of(ask(get(path))) == 400, path);
  BOOST_TEST(status_of(ask(post("/v1/models/m:classify", one_white))) == 501);
  BOOST_TEST(status_of(ask("DELETE /v1/models/m HTTP/1.1\r\nHost: localhost\r\n\r\n")) == 400);
}

BOOST_AUTO_TEST_CASE(a_full_queue) {
  const int before = stub.batches;
  stub.closed = true;
  std::vector<std::unique_ptr<raw_client>> clients;
  const auto enter = [&](std::size_t waiting) {
    clients.push_back(std::make_unique<raw_client>(web->port()));
    clients.back()->send(post("/v1/models/m:predict", one_white));
    while (all->find({.name = "m"})->waiting() != waiting || stub.batches == before)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  enter(0);
  for (std::size_t waiting = 1; waiting <= 4; ++waiting) enter(waiting);
  const std::string refused = ask(post("/v1/models/m:predict", one_white));
  BOOST_TEST(status_of(refused) == 503);
  BOOST_TEST(refused.find("Retry-After") != refused.npos);
  stub.closed = false;
  for (const auto& one : clients) BOOST_TEST(status_of(one->answer()) == 200);
}

BOOST_AUTO_TEST_CASE(a_deadline) {
  const int before = stub.batches;
  stub.closed = true;
  raw_client first(web->port()), second(web->port());
  first.send(post("/v1/models/m:predict", one_white));
  while (stub.batches == before) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  second.send(post("/v1/models/m:predict", one_white));
  while (all->find({.name = "m"})->waiting() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  stub.closed = false;
  BOOST_TEST(status_of(first.answer()) == 200);
  BOOST_TEST(status_of(second.answer()) == 504);
}

BOOST_AUTO_TEST_CASE(a_detector_that_fails) {
  stub.fails = true;
  const std::string answer = ask(post("/v1/models/m:predict", one_white));
  BOOST_TEST(status_of(answer) == 500);
  BOOST_TEST(body_of(answer) == "{\"error\":\"the stub fails\"}\n");
  stub.fails = false;
}

BOOST_AUTO_TEST_CASE(the_page_has_all_its_parts) {
  const std::string page = ask(get("/"));
  BOOST_TEST(page.find("script-src 'self'") != page.npos);
  BOOST_TEST(page.find("<script>") == page.npos);
  BOOST_TEST(page.find(" style=") == page.npos);
  for (const char* path : {"/page.css", "/page.js", "/odt/overview", "/healthz", "/monitoring/prometheus/metrics"})
    BOOST_TEST(status_of(ask(get(path))) == 200, path);
}

BOOST_AUTO_TEST_CASE(broken_requests) {
  odt::image picture(9, 7);
  const std::string jpeg = odt::encode_jpeg(picture), png = odt::encode_png(picture);
  std::mt19937 random(1);
  const char* const wanted = std::getenv("ODT_FUZZ");  // how many; by chance many more
  const int requests = wanted ? std::atoi(wanted) : 1000;
  int answered = 0;
  for (int i = 0; i < requests; ++i) {
    std::string request;
    switch (i % 4) {
      case 0:
        request = post("/v1/models/m:predict", mutated(random, std::string(one_white)));
        break;
      case 1:
        request = mutated(random, post("/v1/models/m:predict", one_white, "Content-Encoding: gzip\r\n"));
        break;
      default:
        request = post("/v1/models/m:predict",
                       odt::str("{\"inputs\": {\"b64\": \"",
                                odt::serve::encode_base64(mutated(random, i % 4 == 2 ? jpeg : png)), "\"}}"));
    }
    raw_client client(web->port(), 2);
    client.send(request);
    if (i % 4 != 1) answered += status_of(client.answer()) > 0;
  }
  BOOST_TEST(answered == requests - (requests + 2) / 4);
  BOOST_TEST(status_of(ask(post("/v1/models/m:predict", one_white))) == 200);
}

BOOST_AUTO_TEST_SUITE_END()
