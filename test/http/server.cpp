// SPDX-License-Identifier: MIT
#include <odt/core/log.hpp>
#include <odt/http/server.hpp>

#include <http/client.hpp>
#include <scratch.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>

using odt::http::request;
using odt::http::response;
using odt::http::server;
using odt::http::server_options;
using odt::test::body_of;
using odt::test::get;
using odt::test::post;
using odt::test::raw_client;
using odt::test::status_of;
using namespace std::chrono_literals;

namespace {

response echo(const request& asked) {
  return {.type = "text/plain", .body = odt::str(asked.method, " ", asked.path, " ", asked.body)};
}

std::string ask(const server& s, const std::string& request) { return raw_client(s.port()).ask(request); }

std::string hello_gzip() {
  return {"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x90\0\x80\x88\xf9\xe5\x11\0\0\0", 28};
}

struct quiet {
  quiet() {
    odt::set_log_sink([this](odt::log_level, std::string_view text) {
      const std::lock_guard lock(mutex);
      said += text;
    });
  }
  ~quiet() { odt::set_log_sink({}); }
  std::mutex mutex;
  std::string said;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(server_tests)

BOOST_AUTO_TEST_CASE(answers_one_after_the_other) {
  const server s({}, echo);
  raw_client client(s.port());
  const std::string first = client.ask(get("/a%20b?x"));
  BOOST_TEST(status_of(first) == 200);
  BOOST_TEST(body_of(first) == "GET /a b ");
  BOOST_TEST(body_of(client.ask(post("/p", "body"))) == "POST /p body");
  BOOST_TEST(client.send(get("/1") + get("/2")));
  BOOST_TEST(body_of(client.answer()) == "GET /1 ");
  BOOST_TEST(body_of(client.answer()) == "GET /2 ");
  BOOST_TEST(client.send("HEAD /h HTTP/1.1\r\nHost: localhost\r\n\r\n" + get("/3")));
  BOOST_TEST(client.answer(true).find("Content-Length: 7") != std::string::npos);
  BOOST_TEST(body_of(client.answer()) == "GET /3 ");
  const std::string old = ask(s, "GET /old HTTP/1.0\r\n\r\n");
  BOOST_TEST(body_of(old) == "GET /old ");
}

BOOST_AUTO_TEST_CASE(headers_of_every_answer) {
  const server s({}, [](const request& asked) -> response {
    if (asked.path == "/own") return {.headers = {{"Content-Security-Policy", "own"}, {"Cache-Control", "max-age=9"}}};
    if (asked.path == "/split") return {.headers = {{"X-Split", "a\r\nSet-Cookie: b"}}};
    throw odt::http::refusal(409, "two versions");
  });
  for (const char* path : {"/", "/split", "/%"}) {
    const std::string answer = ask(s, get(path));
    for (const char* part : {"Content-Security-Policy: default-src 'none'", "X-Content-Type-Options: nosniff",
                             "Referrer-Policy: no-referrer", "Cache-Control: no-store"})
      BOOST_TEST(answer.find(part) != answer.npos, path << " " << part);
    BOOST_TEST(answer.find("Access-Control") == answer.npos);
    BOOST_TEST(answer.find("Set-Cookie") == answer.npos);
  }
  BOOST_TEST(ask(s, get("/own")).find("Content-Security-Policy: own\r\n") != std::string::npos);
  BOOST_TEST(ask(s, get("/own")).find("Cache-Control: max-age=9\r\n") != std::string::npos);
  BOOST_TEST(status_of(ask(s, get("/"))) == 409);
}

BOOST_AUTO_TEST_CASE(bodies_have_a_limit_before_they_are_read) {
  std::atomic<int> handled{0};
  const server s({.max_body = 1000}, [&](const request& asked) {
    ++handled;
    return echo(asked);
  });
  raw_client client(s.port());
  // Only the header is sent: the answer does not wait for the body.
  const std::string answer = client.ask("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n");
  BOOST_TEST(status_of(answer) == 413);
  BOOST_TEST(client.read_to_end() == "");
  const std::string chunk = odt::str("400\r\n", std::string(1024, 'x'), "\r\n0\r\n\r\n");
  const std::string chunked = "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  BOOST_TEST(status_of(ask(s, chunked + chunk)) == 413);
  BOOST_TEST(handled == 0);
  BOOST_TEST(body_of(ask(s, chunked + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) == "POST / abcde");
  BOOST_TEST(status_of(ask(s, post("/", std::string(1000, 'x')))) == 200);
}

BOOST_AUTO_TEST_CASE(all_bodies_together_have_a_limit) {
  const server s({.max_body = 1000, .max_pending = 1500}, echo);
  raw_client holds(s.port());
  BOOST_TEST(holds.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx"));
  std::this_thread::sleep_for(100ms);
  BOOST_TEST(status_of(ask(s, post("/", std::string(600, 'x')))) == 503);
  BOOST_TEST(status_of(ask(s, post("/", std::string(400, 'x')))) == 200);
  BOOST_TEST(holds.send(std::string(999, 'x')));
  BOOST_TEST(status_of(holds.answer()) == 200);
  BOOST_TEST(status_of(ask(s, post("/", std::string(600, 'x')))) == 200);
}

BOOST_AUTO_TEST_CASE(what_is_no_request) {
  const server s({.max_header = 2000}, echo);
  BOOST_TEST(status_of(ask(s, "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(3000, 'x') + "\r\n\r\n")) ==
             431);
  for (const char* text :
       {"nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET /../x HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET x HTTP/1.1\r\nHost: localhost\r\n\r\n"})
    BOOST_TEST(status_of(ask(s, text)) == 400, text);
  BOOST_TEST(status_of(ask(s, "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")) ==
             400);
}

BOOST_AUTO_TEST_CASE(a_large_body_is_asked_for) {
  const server s({.max_body = 1000}, echo);
  raw_client client(s.port());
  BOOST_TEST(client.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
  BOOST_TEST(client.answer(true) == "HTTP/1.1 100 Continue\r\n\r\n");
  BOOST_TEST(body_of(client.ask("abc")) == "POST / abc");
}

BOOST_AUTO_TEST_CASE(compressed_bodies) {
  const server s({.max_unzipped = 17}, echo);
  BOOST_TEST(body_of(ask(s, post("/", hello_gzip(), "Content-Encoding: GZip\r\n"))) == "POST / hello hello hello");
  BOOST_TEST(status_of(ask(s, post("/", "no gzip", "Content-Encoding: gzip\r\n"))) == 400);
  BOOST_TEST(status_of(ask(s, post("/", "x", "Content-Encoding: br\r\n"))) == 415);
  BOOST_TEST(body_of(ask(s, post("/", "x", "Content-Encoding: identity\r\n"))) == "POST / x");
  const server small({.max_unzipped = 16}, echo);
  BOOST_TEST(status_of(ask(small, post("/", hello_gzip(), "Content-Encoding: gzip\r\n"))) == 413);
}

BOOST_AUTO_TEST_CASE(slow_clients_hold_up_nobody) {
  const server s({.threads = 1, .timeout = 0.5}, echo);
  std::vector<std::unique_ptr<raw_client>> slow;
  for (int i = 0; i < 30; ++i) {
    slow.push_back(std::make_unique<raw_client>(s.port()));
    slow.back()->send(i % 2 ? "GET / HT" : "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx");
  }
  const auto start = std::chrono::steady_clock::now();
  BOOST_TEST(status_of(ask(s, get("/"))) == 200);
  BOOST_TEST((std::chrono::steady_clock::now() - start < 400ms));
  for (const auto& client : slow) BOOST_TEST(client->read_to_end() == "");  // closed at its time
  BOOST_TEST((std::chrono::steady_clock::now() - start < 5s));
}

BOOST_AUTO_TEST_CASE(connections_have_a_limit) {
  std::promise<void> go_on;
  const server s({.threads = 4, .max_connections = 2, .timeout = 20},
                 [&, wait = go_on.get_future().share()](const request& r) {
                   if (r.path == "/wait") wait.wait();
                   return echo(r);
                 });
  raw_client idle(s.port()), busy(s.port());
  BOOST_TEST(status_of(idle.ask(get("/"))) == 200);
  BOOST_TEST(busy.send(get("/wait")));
  std::this_thread::sleep_for(100ms);
  raw_client third(s.port());  // takes the place of the idle one
  BOOST_TEST(third.send(get("/wait")));
  BOOST_TEST(idle.read_to_end() == "");
  std::this_thread::sleep_for(100ms);
  const std::string refused = raw_client(s.port()).answer();
  BOOST_TEST(status_of(refused) == 503);
  BOOST_TEST(refused.find("Retry-After: 1") != refused.npos);
  go_on.set_value();
  BOOST_TEST(status_of(busy.answer()) == 200);
  BOOST_TEST(status_of(third.answer()) == 200);
}

BOOST_AUTO_TEST_CASE(handlers_that_fail) {
  quiet log;
  const server s({}, server::async_handler([](request asked, odt::http::answer give) {
                   if (asked.path == "/throws") throw std::runtime_error("broken \"thing\"");
                   if (asked.path == "/silent") return;
                   give({.body = "first"});
                   give({.body = "second"});
                 }));
  const std::string thrown = ask(s, get("/throws"));
  BOOST_TEST(status_of(thrown) == 500);
  BOOST_TEST(body_of(thrown) == "{\"error\":\"broken \\\"thing\\\"\"}\n");
  BOOST_TEST(log.said == "GET /throws: broken \"thing\"");
  BOOST_TEST(status_of(ask(s, get("/silent"))) == 500);
  BOOST_TEST(body_of(ask(s, get("/"))) == "first");
}

BOOST_AUTO_TEST_CASE(strangers_are_turned_away) {
  const server s({}, echo);
  BOOST_TEST(status_of(ask(s, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")) == 403);
  BOOST_TEST(status_of(ask(s, post("/", "x", "Origin: http://evil.example\r\n"))) == 403);
  BOOST_TEST(status_of(ask(s, post("/", "x", "Origin: http://localhost\r\n"))) == 200);
  const server guarded({.token = "secret"}, echo);
  BOOST_TEST(status_of(ask(guarded, get("/"))) == 401);
  BOOST_TEST(status_of(ask(guarded, get("/", "Authorization: Bearer secret\r\n"))) == 200);
  odt::test::check_error([] { const server open({.address = "0.0.0.0"}, echo); }, {"0.0.0.0", "needs a token"});
  const server open({.address = "0.0.0.0", .token = "secret"}, echo);
  BOOST_TEST(status_of(ask(open, get("/"))) == 401);
}

BOOST_AUTO_TEST_CASE(an_address_that_is_taken) {
  const server s({}, echo);
  odt::test::check_error([&] { const server again({.port = s.port()}, echo); },
                         {odt::str("127.0.0.1:", s.port()), "in use"});
  odt::test::check_error([] { const server none({.address = "no.such.host.invalid"}, echo); },
                         {"no.such.host.invalid"});
  BOOST_TEST(s.url() == odt::str("http://127.0.0.1:", s.port()));
}

BOOST_AUTO_TEST_CASE(events_as_they_happen) {
  std::promise<std::shared_ptr<odt::http::event_stream>> begun;
  server s({}, echo);
  s.events("/events", [&](const request& asked, std::shared_ptr<odt::http::event_stream> stream) {
    BOOST_TEST(asked.parameter("who") == "me");
    begun.set_value(std::move(stream));
  });
  raw_client client(s.port());
  BOOST_TEST(client.send(get("/events?who=me")));
  const std::string head = client.read_to("\r\n\r\n");
  BOOST_TEST(head.find("Content-Type: text/event-stream") != head.npos);
  auto stream = begun.get_future().get();
  BOOST_TEST(client.read_to("\n\n") == ": \n\n");
  BOOST_TEST(stream->send("news", "one\ntwo"));
  BOOST_TEST(client.read_to("\n\n") == "event: news\ndata: one\ndata: two\n\n");
  for (int i = 0; i < 100; ++i) BOOST_TEST(stream->send("", odt::str(i)));
  for (int i = 0; i < 100; ++i) BOOST_TEST(client.read_to("\n\n") == odt::str("data: ", i, "\n\n"));
  stream.reset();
  BOOST_TEST(client.read_to_end() == "");
}

BOOST_AUTO_TEST_CASE(nobody_listens_to_events) {
  std::promise<std::shared_ptr<odt::http::event_stream>> begun;
  server s({.max_streams = 1}, echo);
  s.events("/events", [&](const request&, auto stream) { begun.set_value(std::move(stream)); });
  auto client = std::make_unique<raw_client>(s.port());
  BOOST_TEST(client->send(get("/events")));
  const auto stream = begun.get_future().get();
  BOOST_TEST(status_of(ask(s, get("/events"))) == 503);
  client.reset();
  bool heard = true;
  for (int i = 0; i < 200 && heard; ++i) {
    heard = stream->send("", "x");
    std::this_thread::sleep_for(10ms);
  }
  BOOST_TEST(!heard);
}

BOOST_AUTO_TEST_CASE(a_client_that_reads_no_events) {
  std::promise<std::shared_ptr<odt::http::event_stream>> begun;
  server s({}, echo);
  s.events("/events", [&](const request&, auto stream) { begun.set_value(std::move(stream)); });
  raw_client client(s.port());
  BOOST_TEST(client.send(get("/events")));
  const auto stream = begun.get_future().get();
  const std::string much(100'000, 'x');
  bool heard = true;
  for (int i = 0; i < 1000 && heard; ++i) {
    heard = stream->send("", much);
    std::this_thread::sleep_for(1ms);
  }
  BOOST_TEST(!heard);
}

BOOST_AUTO_TEST_CASE(a_stop_lets_requests_end) {
  std::promise<void> begun;
  server s({}, [&](const request& asked) {
    if (asked.path == "/slow") {
      begun.set_value();
      std::this_thread::sleep_for(300ms);
    }
    return echo(asked);
  });
  std::promise<std::shared_ptr<odt::http::event_stream>> stream;
  s.events("/events", [&](const request&, auto begin) { stream.set_value(std::move(begin)); });
  raw_client idle(s.port()), slow(s.port()), listens(s.port());
  BOOST_TEST(status_of(idle.ask(get("/"))) == 200);
  BOOST_TEST(listens.send(get("/events")));
  const auto events = stream.get_future().get();
  BOOST_TEST(slow.send(get("/slow")));
  begun.get_future().wait();
  s.stop();
  BOOST_TEST(body_of(slow.answer()) == "GET /slow ");
  BOOST_TEST(idle.read_to_end() == "");
  listens.read_to_end();
  BOOST_TEST(!events->send("", "x"));
  BOOST_TEST(!raw_client(s.port()).connected);
  s.stop();
}

BOOST_AUTO_TEST_CASE(an_answer_after_the_end) {
  odt::http::answer late;
  std::promise<void> begun;
  {
    server s({.grace = 0.1}, server::async_handler([&](request, odt::http::answer give) {
               late = std::move(give);
               begun.set_value();
             }));
    raw_client client(s.port());
    BOOST_TEST(client.send(get("/")));
    begun.get_future().wait();
  }
  late({.body = "nobody hears this"});
}

BOOST_AUTO_TEST_CASE(many_at_once) {
  const server s({.threads = 2}, echo);
  std::vector<std::thread> clients;
  std::atomic<int> good{0};
  for (int i = 0; i < 32; ++i)
    clients.emplace_back([&, i] {
      raw_client client(s.port());
      for (int k = 0; k < 50; ++k)
        good += body_of(client.ask(post("/p", odt::str(i, ".", k)))) == odt::str("POST /p ", i, ".", k);
    });
  for (auto& client : clients) client.join();
  BOOST_TEST(good == 32 * 50);
}

BOOST_AUTO_TEST_SUITE_END()
