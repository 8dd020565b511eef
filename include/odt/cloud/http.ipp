// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cloud/environment.hpp>
#include <odt/cloud/http.hpp>
#include <odt/core/target.hpp>

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

namespace odt::cloud {

namespace detail::http {

/// Handles with their open connections, used again by whoever comes next.
class handle_pool {
 public:
  handle_pool() { ::curl_global_init(CURL_GLOBAL_DEFAULT); }
  handle_pool(const handle_pool&) = delete;
  handle_pool& operator=(const handle_pool&) = delete;

  CURL* take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return ::curl_easy_init();
    CURL* const handle = idle_.back();
    idle_.pop_back();
    return handle;
  }

  void give_back(CURL* handle) {
    ::curl_easy_reset(handle);
    const std::lock_guard lock(mutex_);
    idle_.push_back(handle);
  }

 private:
  std::mutex mutex_;
  std::vector<CURL*> idle_;
};

ODT_INLINE handle_pool& handles() {
  static handle_pool& pool = *new handle_pool;  // threads may still fetch while the program ends
  return pool;
}

ODT_INLINE std::size_t take_body(char* bytes, std::size_t size, std::size_t count, void* response) {
  static_cast<http_response*>(response)->body.append(bytes, size * count);
  return size * count;
}

ODT_INLINE std::size_t take_header(char* bytes, std::size_t size, std::size_t count, void* to) {
  auto& response = *static_cast<http_response*>(to);
  std::string_view line(bytes, size * count);
  if (line.starts_with("HTTP/")) response.headers.clear();  // of an earlier answer, such as 100
  const auto colon = line.find(':');
  if (colon != line.npos) {
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    line.remove_prefix(colon + 1);
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n' || line.back() == ' ')) line.remove_suffix(1);
    response.headers[name] = line;
  }
  return size * count;
}

struct list_deleter {
  void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};

/// The handle that a request has for its time.
class lent_handle {
 public:
  lent_handle() : handle_(handles().take()) {
    if (!handle_) fail("libcurl cannot be started");
  }
  ~lent_handle() { handles().give_back(handle_); }
  lent_handle(const lent_handle&) = delete;
  lent_handle& operator=(const lent_handle&) = delete;

  template <class Value>
  void set(CURLoption option, Value value) {
    ::curl_easy_setopt(handle_, option, value);
  }
  CURL* get() const { return handle_; }

 private:
  CURL* handle_;
};

ODT_INLINE void describe_request(lent_handle& handle, const http_request& request) {
  handle.set(CURLOPT_URL, request.url.c_str());
  handle.set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (request.method == "HEAD") handle.set(CURLOPT_NOBODY, 1L);
  if (request.method == "PUT" || request.method == "POST") {
    handle.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    handle.set(CURLOPT_POSTFIELDS, request.body.data() ? request.body.data() : "");
  }
  handle.set(CURLOPT_PATH_AS_IS, 1L);  // as it is signed
  if (request.direct) handle.set(CURLOPT_NOPROXY, "*");
}

/// Who says nothing for half a minute will not say more.
ODT_INLINE void bound(lent_handle& handle, const http_request& request) {
  handle.set(CURLOPT_NOSIGNAL, 1L);
  handle.set(CURLOPT_CONNECTTIMEOUT, request.connect_seconds);
  handle.set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  handle.set(CURLOPT_LOW_SPEED_TIME, 30L);
}

ODT_INLINE std::string host_of(std::string_view url) {
  const auto scheme = url.find("://");
  return std::string(url.substr(0, url.find('/', scheme == url.npos ? 0 : scheme + 3)));
}

ODT_INLINE double asked_for(const http_response& response) {
  const std::string text = response.header("retry-after");
  int seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::clamp(seconds, 0, 60);
}

ODT_INLINE double uniform() {
  thread_local std::minstd_rand random(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(random);
}

}  // namespace detail::http

ODT_INLINE std::string http_response::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

ODT_INLINE http_response send_once(const http_request& request) {
  namespace d = detail::http;
  d::lent_handle handle;
  d::describe_request(handle, request);
  d::bound(handle, request);
  std::unique_ptr<curl_slist, d::list_deleter> headers(::curl_slist_append(nullptr, "Expect:"));
  for (const auto& [name, value] : request.headers)
    ::curl_slist_append(headers.get(), value.empty() ? (name + ";").c_str() : str(name, ": ", value).c_str());
  handle.set(CURLOPT_HTTPHEADER, headers.get());
  const std::string authorities = first_environment("AWS_CA_BUNDLE", "CURL_CA_BUNDLE");
  if (!authorities.empty()) handle.set(CURLOPT_CAINFO, authorities.c_str());
  http_response response;
  handle.set(CURLOPT_WRITEFUNCTION, d::take_body);
  handle.set(CURLOPT_WRITEDATA, &response);
  handle.set(CURLOPT_HEADERFUNCTION, d::take_header);
  handle.set(CURLOPT_HEADERDATA, &response);
  char why[CURL_ERROR_SIZE] = "";
  handle.set(CURLOPT_ERRORBUFFER, why);
  const CURLcode code = ::curl_easy_perform(handle.get());
  if (code != CURLE_OK)
    throw connection_error(str(d::host_of(request.url), ": ", why[0] ? why : ::curl_easy_strerror(code)));
  long status = 0;
  ::curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  return response;
}

ODT_INLINE bool may_pass(int status) {
  return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

ODT_INLINE double pause_seconds(const retry_policy& policy, int attempt, double uniform) {
  return uniform * std::min(policy.longest_seconds, policy.first_seconds * std::exp2(attempt));
}

ODT_INLINE void pause(const retry_policy& policy, int attempt, double least) {
  const double seconds = std::max(least, pause_seconds(policy, attempt, detail::http::uniform()));
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

ODT_INLINE http_response send(const std::function<http_request()>& make, const retry_policy& policy) {
  for (int attempt = 0;; ++attempt) {
    const bool last = attempt + 1 >= policy.attempts;
    double asked = 0;
    try {
      http_response response = send_once(make());
      if (last || !may_pass(response.status)) return response;
      asked = detail::http::asked_for(response);
    } catch (const connection_error&) {
      if (last) throw;
    }
    pause(policy, attempt, asked);
  }
}

ODT_INLINE std::string url_encoded(std::string_view text, bool keep_slashes) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~' || (keep_slashes && c == '/');
    const auto byte = static_cast<unsigned char>(c);
    if (plain)
      out += c;
    else
      out += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

}  // namespace odt::cloud
