// SPDX-License-Identifier: MIT
// One client's connection: a request, its answer, the next request. All of it runs on the thread of the core's io.
#pragma once

#include <odt/core/target.hpp>
#include <odt/http/gunzip.hpp>
#include <odt/http/message.ipp>
#include <odt/http/server_core.ipp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <array>
#include <chrono>
#include <deque>

namespace odt::http::detail {

namespace beast = boost::beast;
using error_code = boost::system::error_code;

class connection : public std::enable_shared_from_this<connection> {
 public:
  enum class phase { waiting, receiving, handling, answering, streaming, closing };

  connection(server_core& all, boost::asio::ip::tcp::socket socket) : core_(all), stream_(std::move(socket)) {}
  ~connection() {
    give_back();
    core_.gone(this);
  }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  void begin();
  /// Answers before a request was read, and closes.
  void turn_away(const response& r);
  void respond(response r);
  /// A stop begins: whoever waits for a request goes, an answer is the last.
  void wind_up();
  /// Forgets that it owes an answer.
  void let_go() { handled_.reset(); }
  void close();
  void send_event(std::string text);
  void end_stream();

  bool waits() const { return phase_ == phase::waiting; }
  std::chrono::steady_clock::time_point since() const { return since_; }

 private:
  void read_header();
  void header_came(error_code ec);
  bool take_header();
  std::optional<response> admission();
  bool take_budget();
  void read_body();
  void body_came(error_code ec);
  void hand_over();
  void write(bool keep);
  void written(error_code ec, bool keep);
  void linger();
  void drain(std::size_t left);
  void begin_events(server::stream_handler begin);
  void watch_client();
  void beat();
  void write_events();
  void give_back();
  void deadline(double bytes = 0);

  static constexpr double least_rate = 64 << 10;  ///< bytes a second that a client has to move beside the timeout
  static constexpr std::size_t most_queued_events = 1 << 20;

  server_core& core_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<beast::http::request_parser<beast::http::string_body>> parser_;
  std::optional<beast::http::response<beast::http::string_body>> out_;
  std::optional<boost::asio::steady_timer> heartbeat_;
  std::deque<std::string> events_;
  std::array<char, 4096> scrap_{};
  request request_;
  std::shared_ptr<connection> handled_;  ///< itself, while nothing but an owed answer is on its way
  std::size_t taken_ = 0, queued_ = 0;
  bool head_ = false, events_end_ = false;
  phase phase_ = phase::waiting;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

/// An answer that is owed: where nobody gives it, its end does.
class owed_answer {
 public:
  owed_answer(std::weak_ptr<server_core> all, std::weak_ptr<connection> to)
      : core_(std::move(all)), to_(std::move(to)) {}
  ~owed_answer() { give(error_response(500, "the request was given up")); }
  owed_answer(const owed_answer&) = delete;
  owed_answer& operator=(const owed_answer&) = delete;

  void give(response r) {
    if (given_.exchange(true)) return;
    const auto core = core_.lock();  // outlives the connection below
    if (!core) return;
    if (auto to = to_.lock())
      boost::asio::post(core->io, [to = std::move(to), r = std::move(r)]() mutable { to->respond(std::move(r)); });
  }

 private:
  std::weak_ptr<server_core> core_;
  std::weak_ptr<connection> to_;
  std::atomic<bool> given_{false};
};

class connection_stream : public event_stream {
 public:
  connection_stream(std::weak_ptr<server_core> all, std::weak_ptr<connection> to)
      : core_(std::move(all)), to_(std::move(to)) {}
  ~connection_stream() override {
    post([](connection& c) { c.end_stream(); });
  }

  bool send(std::string_view event, std::string_view data) override {
    std::string text;
    if (!event.empty()) text += str("event: ", event, "\n");
    for (;;) {
      const auto end = data.find('\n');
      text += str("data: ", data.substr(0, end), "\n");
      if (end == data.npos) break;
      data.remove_prefix(end + 1);
    }
    return post([text = text + "\n"](connection& c) mutable { c.send_event(std::move(text)); });
  }

 private:
  template <class Work>
  bool post(Work work) {
    const auto core = core_.lock();
    if (!core) return false;
    auto to = to_.lock();
    if (!to) return false;
    boost::asio::post(core->io, [to = std::move(to), work = std::move(work)]() mutable { work(*to); });
    return true;
  }

  std::weak_ptr<server_core> core_;
  std::weak_ptr<connection> to_;
};

ODT_INLINE bool is_gzip(std::string_view encoding) {
  return message::same_in_any_case(encoding, "gzip") || message::same_in_any_case(encoding, "x-gzip");
}

ODT_INLINE void connection::deadline(double bytes) {
  stream_.expires_after(
      std::chrono::milliseconds(static_cast<std::int64_t>(1000 * (core_.options.timeout + bytes / least_rate))));
}

ODT_INLINE void connection::give_back() {
  core_.budget.give_back(taken_);
  taken_ = 0;
}

ODT_INLINE void connection::begin() {
  error_code ec;
  stream_.socket().set_option(boost::asio::ip::tcp::no_delay(true), ec);
  read_header();
}

ODT_INLINE void connection::read_header() {
  phase_ = phase::waiting;
  since_ = std::chrono::steady_clock::now();
  request_ = {};
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(core_.options.max_header));
  parser_->body_limit(core_.options.max_body);
  deadline();
  beast::http::async_read_header(stream_, buffer_, *parser_,
                                 [self = shared_from_this()](error_code ec, std::size_t) { self->header_came(ec); });
}

ODT_INLINE void connection::header_came(error_code ec) {
  using beast::http::error;
  if (phase_ == phase::closing) return;
  if (ec == error::header_limit)
    return turn_away(error_response(431, str("the header has more than ", core_.options.max_header, " bytes")));
  if (ec == error::body_limit)
    return turn_away(error_response(413, str("the body has more than ", core_.options.max_body, " bytes")));
  if (ec && ec.category() == make_error_code(error::bad_method).category() && ec != error::end_of_stream &&
      ec != error::partial_message)
    return turn_away(error_response(400, str("this is no HTTP request: ", ec.message())));
  if (ec) return close();
  phase_ = phase::receiving;
  if (!take_header()) return;
  if (auto answer = admission()) return respond(std::move(*answer));
  if (!take_budget())
    return respond(error_response(503, "too many bytes of other requests are being worked on; try again"));
  if (!beast::iequals(parser_->get()[beast::http::field::expect], "100-continue")) return read_body();
  static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  boost::asio::async_write(stream_, boost::asio::buffer(go_on), [self = shared_from_this()](error_code e, std::size_t) {
    e ? self->close() : self->read_body();
  });
}

/// False: it was answered.
ODT_INLINE bool connection::take_header() {
  const auto& header = parser_->get();
  head_ = header.method() == beast::http::verb::head;
  request_.method = head_ ? "GET" : std::string(header.method_string());
  for (const auto& f : header) request_.headers.emplace_back(std::string(f.name_string()), std::string(f.value()));
  try {
    take_target(request_, std::string_view(header.target().data(), header.target().size()));
    return true;
  } catch (const refusal& e) {
    respond(error_response(e.status(), e.what()));
    return false;
  }
}

ODT_INLINE std::optional<response> connection::admission() {
  if (parser_->get().version() >= 11 && request_.header("host").empty())
    return error_response(400, "the request has no Host");
  if (auto answer = core_.guard->turned_away(request_)) return answer;
  const std::string_view encoding = request_.header("content-encoding");
  if (encoding.empty() || message::same_in_any_case(encoding, "identity") || is_gzip(encoding)) return std::nullopt;
  return error_response(415, str("a body may be sent plain or as gzip, not as ", encoding));
}

ODT_INLINE bool connection::take_budget() {
  const auto length = parser_->content_length();
  const std::size_t bytes = length               ? static_cast<std::size_t>(*length)
                            : parser_->chunked() ? core_.options.max_body
                                                 : 0;
  if (!core_.budget.take(bytes)) return false;
  taken_ = bytes;
  return true;
}

ODT_INLINE void connection::read_body() {
  deadline(static_cast<double>(taken_));
  beast::http::async_read(stream_, buffer_, *parser_,
                          [self = shared_from_this()](error_code ec, std::size_t) { self->body_came(ec); });
}

ODT_INLINE void connection::body_came(error_code ec) {
  using beast::http::error;
  if (ec == error::body_limit)
    return turn_away(error_response(413, str("the body has more than ", core_.options.max_body, " bytes")));
  if (ec && ec.category() == make_error_code(error::bad_method).category() && ec != error::partial_message)
    return turn_away(error_response(400, str("this is no HTTP request: ", ec.message())));
  if (ec) return close();
  stream_.expires_never();
  request_.body = std::move(parser_->get().body());
  if (request_.method == "GET")
    if (auto begin = core_.stream_of(request_.path)) return begin_events(std::move(*begin));
  hand_over();
}

/// To a handlers' thread.
ODT_INLINE void connection::hand_over() {
  phase_ = phase::handling;
  handled_ = shared_from_this();
  const auto owed = std::make_shared<owed_answer>(core_.weak_from_this(), weak_from_this());
  auto work = [owed, request = std::move(request_), &core = core_]() mutable {
    const std::string what = str(request.method, " ", request.path);
    try {
      if (is_gzip(request.header("content-encoding")) && !request.body.empty())
        request.body = gunzipped(request.body, core.options.max_unzipped);
      core.handle(std::move(request), [owed](response r) { owed->give(std::move(r)); });
    } catch (const refusal& e) {
      owed->give(error_response(e.status(), e.what()));
    } catch (const std::exception& e) {
      warn(what, ": ", e.what());
      owed->give(error_response(500, e.what()));
    }
  };
  boost::asio::post(core_.workers, std::move(work));
}

}  // namespace odt::http::detail
