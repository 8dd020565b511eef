// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/serve/json.hpp>
#include <odt/serve/page.hpp>
#include <odt/serve/rest.hpp>
#include <odt/serve/rest_body.ipp>
#include <odt/version.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace odt::serve {

namespace detail::rest {

ODT_INLINE std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

/// A path below /v1/models.
struct model_path {
  model_choice choice;
  std::string verb;  ///< "predict", ...
  bool metadata = false;
};

ODT_INLINE std::optional<std::int64_t> version_of(std::string_view text) {
  std::int64_t version = 0;
  const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (text.empty() || text.front() == '-' || problem != std::errc{} || stop != text.data() + text.size())
    return std::nullopt;
  return version;
}

/// "NAME", "NAME/versions/3", "NAME/labels/stable/metadata", the last with ":predict" behind it; nothing where it is
/// another path.
ODT_INLINE std::optional<model_path> parse_path(std::vector<std::string> segments) {
  if (segments.size() < 3 || lower(segments[0]) != "v1" || lower(segments[1]) != "models") return std::nullopt;
  model_path path;
  if (const auto colon = segments.back().rfind(':'); colon != std::string::npos) {
    path.verb = lower(std::string_view(segments.back()).substr(colon + 1));
    segments.back().resize(colon);
  }
  path.choice.name = segments[2];
  std::size_t at = 3;
  if (at + 1 < segments.size()) {
    const std::string what = lower(segments[at]);
    if (what == "versions") {
      path.choice.version = version_of(segments[at + 1]);
      if (!path.choice.version) return std::nullopt;
    } else if (what == "labels") {
      path.choice.label = segments[at + 1];
    }
    if (what == "versions" || what == "labels") at += 2;
  }
  if (at < segments.size() && lower(segments[at]) == "metadata") path.metadata = true, ++at;
  if (at != segments.size() || path.choice.name.empty()) return std::nullopt;
  return path;
}

ODT_INLINE http::response failed(const status& how) {
  http::response answer =
      http::error_response(how.what == code::resource_exhausted ? 503 : http_status(how.what), how.message);
  if (answer.status == 503) answer.headers.emplace_back("Retry-After", "1");
  return answer;
}

[[noreturn]] ODT_INLINE void malformed(const http::request& asked) {
  refuse(code::invalid_argument, "Malformed request: ", asked.method, " ", asked.path);
}

}  // namespace detail::rest

ODT_INLINE void rest_service::operator()(http::request asked, http::answer give) const {
  namespace d = detail::rest;
  try {
    if (asked.method == "GET") return give(get(asked));
    const auto path = d::parse_path(asked.segments);
    if (asked.method != "POST" || !path || path->verb.empty() || path->metadata) d::malformed(asked);
    if (path->verb == "predict") return predict(path->choice, asked, give);
    if (path->verb == "classify" || path->verb == "regress")
      refuse(code::unimplemented, path->verb, " is for models of another kind; a detector answers predict");
    d::malformed(asked);
  } catch (const failure& wrong) {
    give(d::failed(wrong.as_status()));
  }
}

ODT_INLINE void rest_service::predict(const model_choice& choice, const http::request& asked,
                                      const http::answer& give) const {
  namespace d = detail::rest;
  const auto begin = clock::now();
  const auto told = [this, begin, name = choice.name](code how) {
    count_.request(name, "REST", how, std::chrono::duration<double>(clock::now() - begin).count());
  };
  std::shared_ptr<servable> model;
  try {
    model = all_.find(choice);
  } catch (const failure& wrong) {
    return give(d::failed(wrong.as_status()));  // not counted: names that clients make up are no models
  }
  try {
    rest_request request = parse_rest_request(asked.body);
    const auto deadline =
        begin + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(how_.timeout));
    model->predict(
        request.asked, deadline,
        [this, model, give, told, rows = request.rows](const status& how, predict_response response) {
          told(how.what);
          if (!how.ok()) return give(d::failed(how));
          post_([give, rows, response = std::move(response)] { give({.body = rest_response(response, rows)}); });
        });
  } catch (const failure& wrong) {
    told(wrong.as_status().what);
    give(d::failed(wrong.as_status()));
  }
}

ODT_INLINE http::response rest_service::overview() const {
  namespace d = detail::rest;
  std::string list;
  for (const model_view& one : all_.view()) {
    std::string versions, names;
    for (const version_status& v : one.versions)
      versions += str(versions.empty() ? "" : ",", "{\"version\":\"", v.version, "\",\"state\":\"", name_of(v.state),
                      "\",\"message\":", d::quoted(v.how.message), "}");
    for (const std::string& name : one.class_names) names += str(names.empty() ? "" : ",", d::quoted(name));
    list += str(list.empty() ? "" : ",", "{\"name\":", d::quoted(one.name), ",\"versions\":[", versions,
                "],\"classes\":[", names, "]}");
  }
  return {.body =
              str("{\"program\":\"odt ", ODT_VERSION, "\",\"models\":[", list, "],\"metrics\":", count_.json(), "}")};
}

ODT_INLINE http::response rest_service::get(const http::request& asked) const {
  namespace d = detail::rest;
  const std::string path = d::lower(asked.path);
  if (path == "/monitoring/prometheus/metrics")
    return {.type = "text/plain; version=0.0.4; charset=utf-8", .body = count_.text()};
  if (path == "/healthz") return {.type = "text/plain; charset=utf-8", .body = "ok\n"};
  if (how_.page) {
    if (path == "/odt/overview") return overview();
    if (auto part = page_part(asked.path)) return std::move(*part);
  }
  if (path == "/v1/models" || path == "/v1/models/") refuse(code::invalid_argument, "Missing model name in request.");
  const auto model = d::parse_path(asked.segments);
  if (!model || !model->verb.empty()) d::malformed(asked);
  if (model->metadata) return {.body = rest_metadata(*all_.find(model->choice))};
  return {.body = rest_status(all_.versions(model->choice))};
}

}  // namespace odt::serve
