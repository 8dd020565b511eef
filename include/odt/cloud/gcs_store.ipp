// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cloud/environment.hpp>
#include <odt/cloud/gcs_store.hpp>
#include <odt/cloud/google_credentials.hpp>
#include <odt/cloud/http.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace odt::cloud {

namespace detail::gcs {

using nlohmann::json;

/// Numbers come as text, as JSON's hold no 64 bits.
ODT_INLINE std::uint64_t number_of(const json& value) {
  if (value.is_number()) return value.get<std::uint64_t>();
  const std::string text = value.is_string() ? value.get<std::string>() : "";
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

ODT_INLINE json parsed(const http_response& response, const object_name& name) {
  json answer = json::parse(response.body, nullptr, false);
  if (!answer.is_object()) fail(name.path, ": the server's answer is no JSON: ", response.body.substr(0, 200));
  return answer;
}

ODT_INLINE std::string message_of(const http_response& response) {
  const json answer = json::parse(response.body, nullptr, false);
  if (answer.is_object() && answer.contains("error") && answer["error"].is_object())
    return answer["error"].value("message", "");
  return response.body.substr(0, 200);
}

class store : public object_store {
 public:
  std::optional<object_version> find(const object_name& name) override {
    const http_response response = ask(name, "GET", object_path(name));
    if (response.status == 404) return std::nullopt;
    require(response, name);
    const json object = parsed(response, name);
    const std::uint64_t generation = number_of(object.value("generation", json()));
    return object_version{number_of(object.value("size", json())), generation == 0 ? "" : std::to_string(generation)};
  }

  std::string read(const object_name& name, const object_version& version, std::uint64_t offset,
                   std::uint64_t size) override {
    const std::string condition = version.tag.empty() ? "" : "&ifGenerationMatch=" + version.tag;
    http_response response = ask(name, "GET", str(object_path(name), "?alt=media", condition), {},
                                 {{"Range", str("bytes=", offset, "-", offset + size - 1)}});
    const std::string generation = response.header("x-goog-generation");
    if (response.status == 404 || response.status == 412 || response.status == 416 ||
        (response.ok() && !generation.empty() && !version.tag.empty() && generation != version.tag))
      fail(name.path, ": was changed or removed while it was read");
    require(response, name);
    if (response.status == 200 && response.body.size() == version.size) return response.body.substr(offset, size);
    if (response.body.size() != size)
      fail(name.path, ": ", size, " bytes from ", offset, " on were asked for, ", response.body.size(), " came");
    return std::move(response.body);
  }

  std::vector<std::string> list(const object_name& prefix, bool flat, int most) override {
    std::vector<std::string> keys;
    for (std::string next;;) {
      std::string path = str("/storage/v1/b/", url_encoded(prefix.bucket), "/o?prefix=", url_encoded(prefix.key));
      if (flat) path += "&delimiter=%2F";
      if (most > 0) path += str("&maxResults=", most);
      if (!next.empty()) path += "&pageToken=" + url_encoded(next);
      const http_response response = ask(prefix, "GET", path);
      require(response, prefix);
      const json page = parsed(response, prefix);
      for (const json& object : page.value("items", json::array())) keys.push_back(object.value("name", ""));
      next = page.value("nextPageToken", "");
      if (next.empty() || (most > 0 && std::ssize(keys) >= most)) break;
    }
    std::ranges::sort(keys);
    return keys;
  }

  void put(const object_name& name, std::string_view content) override {
    require(ask(name, "POST", upload_path(name, "media"), content, {{"Content-Type", "application/octet-stream"}}),
            name);
  }

  std::unique_ptr<object_upload> begin_upload(const object_name& name) override;

  void remove(const object_name& name) override {
    const http_response response = ask(name, "DELETE", object_path(name));
    if (response.status != 404) require(response, name);
  }

  static std::string upload_path(const object_name& name, std::string_view type) {
    return str("/upload/storage/v1/b/", url_encoded(name.bucket), "/o?uploadType=", type,
               "&name=", url_encoded(name.key));
  }

  /// `path` of the endpoint, or a whole URL. Once more with another token where the server says that it is too old.
  http_response ask(const object_name& name, const std::string& method, const std::string& path,
                    std::string_view body = {}, std::vector<std::pair<std::string, std::string>> headers = {},
                    const retry_policy& policy = {}) {
    const auto make = [&] {
      http_request request{.method = method, .url = path, .headers = headers, .body = body};
      if (path.starts_with('/')) request.url = endpoint() + path;
      if (emulator().empty()) request.headers.emplace_back("Authorization", "Bearer " + credentials_.get().value);
      return request;
    };
    try {
      http_response response = send(make, policy);
      if (response.status != 401 || !emulator().empty()) return response;
      credentials_.renew();
      return send(make, policy);
    } catch (const connection_error& e) {
      if (policy.attempts == 1) throw;
      fail(name.path, ": no answer, after several attempts: ", e.what());
    }
  }

  void require(const http_response& response, const object_name& name) {
    if (response.ok()) return;
    std::string hint;
    if ((response.status == 401 || response.status == 403) && emulator().empty())
      hint = str("; the token is that of ", credentials_.get().source);
    fail(name.path, ": the server refuses (", response.status, "): ", message_of(response), hint);
  }

 private:
  static std::string object_path(const object_name& name) {
    return str("/storage/v1/b/", url_encoded(name.bucket), "/o/", url_encoded(name.key));
  }

  static std::string emulator() { return environment("STORAGE_EMULATOR_HOST"); }

  static std::string endpoint() {
    std::string host = emulator();
    if (host.empty()) return "https://storage.googleapis.com";
    while (host.ends_with('/')) host.pop_back();
    return host.find("://") == host.npos ? "http://" + host : host;
  }

  google_credentials credentials_;
};

/// A resumable upload: the server says how far it got, so that an interrupted part goes on from there.
class upload : public object_upload {
 public:
  upload(store& to, object_name name) : to_(to), name_(std::move(name)) {
    const http_response response =
        to_.ask(name_, "POST", store::upload_path(name_, "resumable"), "{}", {{"Content-Type", "application/json"}});
    to_.require(response, name_);
    session_ = response.header("location");
    if (session_.empty()) fail(name_.path, ": the server opens no resumable upload");
  }
  ~upload() override {
    if (finished_) return;
    try {
      to_.ask(name_, "DELETE", session_, {}, {}, {.attempts = 1});
    } catch (const error&) {  // forgotten after a week
    }
  }
  upload(const upload&) = delete;
  upload& operator=(const upload&) = delete;

  void add(std::string_view part) override { send_part(part, "*"); }

  void finish(std::string_view last) override {
    send_part(last, std::to_string(sent_ + last.size()));
    finished_ = true;
  }

 private:
  /// Sends what the server does not have of it.
  void send_part(std::string_view part, const std::string& total) {
    const std::uint64_t begin = sent_, end = sent_ + part.size();
    const retry_policy policy;
    for (int attempt = 0; sent_ < end; ++attempt) {
      http_response response;
      try {
        response = to_.ask(name_, "PUT", session_, part.substr(sent_ - begin),
                           {{"Content-Range", str("bytes ", sent_, "-", end - 1, "/", total)}}, {.attempts = 1});
      } catch (const connection_error& e) {
        if (attempt + 1 >= policy.attempts) fail(name_.path, ": no answer, after several attempts: ", e.what());
      }
      if (response.ok()) return void(sent_ = end);
      if (response.status == 308) {
        take_progress(response, begin, end);
        continue;
      }
      if (response.status != 0 && (!may_pass(response.status) || attempt + 1 >= policy.attempts))
        to_.require(response, name_);
      pause(policy, attempt);
      if (ask_progress(begin, end, total)) return;
    }
  }

  /// Whether the whole is there already.
  bool ask_progress(std::uint64_t begin, std::uint64_t end, const std::string& total) {
    const http_response response = to_.ask(name_, "PUT", session_, {}, {{"Content-Range", "bytes */" + total}});
    if (response.ok()) return sent_ = end, true;
    if (response.status != 308) to_.require(response, name_);
    take_progress(response, begin, end);
    return false;
  }

  /// "bytes=0-1234"; without it the server has nothing.
  void take_progress(const http_response& response, std::uint64_t begin, std::uint64_t end) {
    const std::string range = response.header("range");
    std::uint64_t last = 0;
    const auto dash = range.find('-');
    if (dash != range.npos) std::from_chars(range.data() + dash + 1, range.data() + range.size(), last);
    const std::uint64_t has = dash == range.npos ? 0 : last + 1;
    if (has < begin || has > end)
      fail(name_.path, ": the server has ", has, " bytes of the upload, ", begin, " were sent");
    sent_ = has;
  }

  store& to_;
  object_name name_;
  std::string session_;
  std::uint64_t sent_ = 0;
  bool finished_ = false;
};

ODT_INLINE std::unique_ptr<object_upload> store::begin_upload(const object_name& name) {
  return std::make_unique<upload>(*this, name);
}

}  // namespace detail::gcs

ODT_INLINE std::unique_ptr<object_store> make_gcs_store() { return std::make_unique<detail::gcs::store>(); }

}  // namespace odt::cloud
