// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cloud/aws_credentials.hpp>
#include <odt/cloud/http.hpp>
#include <odt/cloud/s3_store.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>

#include <pugixml.hpp>

#include <charconv>
#include <ctime>
#include <utility>

namespace odt::cloud {

namespace detail::s3 {

struct server_error {
  std::string code, message;
};

ODT_INLINE server_error error_of(const http_response& response) {
  pugi::xml_document document;
  document.load_buffer(response.body.data(), response.body.size());
  const pugi::xml_node error = document.child("Error");
  return {error.child_value("Code"), error.child_value("Message")};
}

/// Whether other credentials may help. The answer to HEAD has no words.
ODT_INLINE bool has_expired(const http_response& response) {
  if (response.status == 400 && response.body.empty()) return true;
  if (response.status != 400 && response.status != 401 && response.status != 403) return false;
  const std::string code = error_of(response).code;
  return code == "ExpiredToken" || code == "InvalidToken" || code == "TokenRefreshRequired";
}

/// What a list's page says.
struct page {
  std::vector<std::string> keys;
  std::string next;  ///< empty: it is the last one
};

ODT_INLINE page parse_page(const std::string& body, const std::string& path) {
  pugi::xml_document document;
  document.load_buffer(body.data(), body.size());
  const pugi::xml_node list = document.child("ListBucketResult");
  if (!list) fail(path, ": the server's answer is no list of objects: ", body.substr(0, 200));
  page result;
  for (const pugi::xml_node object : list.children("Contents")) result.keys.push_back(object.child_value("Key"));
  result.next = list.child_value("NextContinuationToken");
  return result;
}

class store : public object_store {
 public:
  std::optional<object_version> find(const object_name& name) override {
    const http_response response = ask(name, "HEAD", "");
    if (response.status == 404) return std::nullopt;
    require(response, name);
    object_version version;
    const std::string length = response.header("content-length");
    std::from_chars(length.data(), length.data() + length.size(), version.size);
    version.tag = response.header("etag");
    return version;
  }

  std::string read(const object_name& name, const object_version& version, std::uint64_t offset,
                   std::uint64_t size) override {
    std::vector<std::pair<std::string, std::string>> headers{{"Range", str("bytes=", offset, "-", offset + size - 1)}};
    if (!version.tag.empty()) headers.emplace_back("If-Match", version.tag);
    http_response response = ask(name, "GET", "", {}, std::move(headers));
    if (response.status == 404 || response.status == 412 || response.status == 416 ||
        (response.ok() && response.header("etag") != version.tag))
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
      std::string query = str("list-type=2&prefix=", url_encoded(prefix.key));
      if (flat) query += "&delimiter=%2F";
      if (most > 0) query += str("&max-keys=", most);
      if (!next.empty()) query += "&continuation-token=" + url_encoded(next);
      const http_response response = ask({prefix.path, prefix.bucket, ""}, "GET", query);
      require(response, prefix);
      page found = parse_page(response.body, prefix.path);
      keys.insert(keys.end(), found.keys.begin(), found.keys.end());
      next = std::move(found.next);
      if (next.empty() || (most > 0 && std::ssize(keys) >= most)) return keys;
    }
  }

  void put(const object_name& name, std::string_view content) override { require(ask(name, "PUT", "", content), name); }

  std::unique_ptr<object_upload> begin_upload(const object_name& name) override;

  void remove(const object_name& name) override {
    const http_response response = ask(name, "DELETE", "");
    if (response.status != 404) require(response, name);
  }

  /// Signed anew for each attempt, and once more with other credentials where the server says that they are too old.
  http_response ask(const object_name& name, const std::string& method, const std::string& query,
                    std::string_view body = {}, std::vector<std::pair<std::string, std::string>> headers = {}) {
    const s3_place at = place();
    const auto make = [&] {
      http_request request{
          .method = method, .url = s3_url(at, name.bucket, name.key), .headers = headers, .body = body};
      if (!query.empty()) request.url += "?" + query;
      if (method != "GET" && method != "HEAD") request.headers.emplace_back("Content-Type", "application/octet-stream");
      sign(request, credentials_.get().key, {.region = at.region}, std::time(nullptr));
      return request;
    };
    try {
      http_response response = send(make);
      if (!has_expired(response)) return response;
      credentials_.renew();
      return send(make);
    } catch (const connection_error& e) {
      fail(name.path, ": no answer, after several attempts: ", e.what());
    }
  }

  void require(const http_response& response, const object_name& name) {
    if (response.ok()) return;
    const server_error told = error_of(response);
    std::string hint;
    if (response.status == 301 || told.code == "AuthorizationHeaderMalformed")
      hint = str("; the bucket lies in the region ", response.header("x-amz-bucket-region"), ": set AWS_REGION");
    else if (response.status == 401 || response.status == 403)
      hint = str("; the key is that of ", credentials_.get().source);
    fail(name.path, ": the server refuses (", response.status, told.code.empty() ? "" : " ", told.code, ")",
         told.message.empty() ? "" : ": ", told.message, hint);
  }

 private:
  s3_place place() {
    const std::lock_guard lock(mutex_);
    if (!place_) place_ = s3_place{aws_endpoint(), aws_region()};
    return *place_;
  }

  std::mutex mutex_;
  std::optional<s3_place> place_;
  aws_credential_chain credentials_;
};

/// A multipart upload. Parts of one that was killed are never seen; a rule of the bucket's life cycle removes them.
class upload : public object_upload {
 public:
  upload(store& to, object_name name) : to_(to), name_(std::move(name)) {
    const http_response response = to_.ask(name_, "POST", "uploads=");
    to_.require(response, name_);
    pugi::xml_document document;
    document.load_buffer(response.body.data(), response.body.size());
    id_ = url_encoded(document.child("InitiateMultipartUploadResult").child_value("UploadId"));
  }
  ~upload() override {
    if (finished_) return;
    try {
      to_.ask(name_, "DELETE", "uploadId=" + id_);
    } catch (const error&) {  // the rule of the bucket's life cycle
    }
  }
  upload(const upload&) = delete;
  upload& operator=(const upload&) = delete;

  void add(std::string_view part) override {
    ++parts_;
    const http_response response = to_.ask(name_, "PUT", str("partNumber=", parts_, "&uploadId=", id_), part);
    to_.require(response, name_);
    list_ += str("<Part><PartNumber>", parts_, "</PartNumber><ETag>", response.header("etag"), "</ETag></Part>");
    size_ += part.size();
  }

  void finish(std::string_view last) override {
    add(last);
    const std::string list = str("<CompleteMultipartUpload>", list_, "</CompleteMultipartUpload>");
    const http_response response = to_.ask(name_, "POST", "uploadId=" + id_, list);
    const std::string code = error_of(response).code;  // also behind a status of 200
    if (code == "NoSuchUpload" && is_there()) {        // an attempt whose answer got lost
      finished_ = true;
      return;
    }
    to_.require(response, name_);
    if (!code.empty())
      fail(name_.path, ": the upload could not be completed: ", code, ": ", error_of(response).message);
    finished_ = true;
  }

 private:
  bool is_there() {
    const auto version = to_.find(name_);
    return version && version->size == size_;
  }

  store& to_;
  object_name name_;
  std::string id_, list_;
  int parts_ = 0;
  std::uint64_t size_ = 0;
  bool finished_ = false;
};

ODT_INLINE std::unique_ptr<object_upload> store::begin_upload(const object_name& name) {
  return std::make_unique<upload>(*this, name);
}

}  // namespace detail::s3

ODT_INLINE std::string s3_url(const s3_place& place, const std::string& bucket, const std::string& key) {
  const std::string path = url_encoded(key, true);
  if (!place.endpoint.empty()) return str(place.endpoint, "/", bucket, "/", path);
  const std::string host = str("s3.", place.region, ".amazonaws.com/");
  if (bucket.find('.') != bucket.npos) return str("https://", host, bucket, "/", path);
  return str("https://", bucket, ".", host, path);
}

ODT_INLINE std::unique_ptr<object_store> make_s3_store() { return std::make_unique<detail::s3::store>(); }

}  // namespace odt::cloud
