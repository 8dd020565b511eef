// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/dataset/picture_folder.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/label/page_files.hpp>
#include <odt/label/server_state.ipp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <numeric>

namespace odt::labelling {

namespace detail {

ODT_INLINE std::string type_of(image_format format) {
  switch (format) {
    case image_format::png:
      return "image/png";
    case image_format::webp:
      return "image/webp";
    case image_format::bmp:
      return "image/bmp";
    default:
      return "image/jpeg";
  }
}

/// "photos" of "../photos/".
ODT_INLINE std::string name_of_folder(const std::string& path) {
  std::error_code ignored;
  const std::string name = std::filesystem::canonical(path, ignored).filename().string();
  return name.empty() ? path : name;
}

ODT_INLINE double number_in(std::string_view text, double otherwise) {
  double value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace detail

ODT_INLINE http::response label_server::state::handle(const http::request& asked) {
  const auto& segments = asked.segments;
  const bool gets = asked.method == "GET";
  if (!segments.empty() && segments[0] == "api") return api(asked);
  if (segments.size() == 1 && segments[0] == "health" && gets)
    return detail::answer_json({{"status", "UP"}, {"model_class", "odt"}});
  if (segments.size() == 1 && asked.method == "POST") {
    if (segments[0] == "predict") return studio_predict(asked);
    if (segments[0] == "setup") return studio_setup(asked);
    if (segments[0] == "webhook") return studio_webhook(asked);
  }
  if (gets) return page(asked);
  throw http::refusal(405, str(asked.method, " ", asked.path, ": is not understood here"));
}

ODT_INLINE http::response label_server::state::page(const http::request& asked) const {
  const std::string name = asked.segments.empty() || asked.path == "/" ? "index.html" : asked.segments.back();
  const auto file = asked.segments.size() <= 1 ? find_page_file(name, how.page) : std::nullopt;
  if (!file) throw http::refusal(404, str(asked.path, ": there is no such page"));
  return {200, std::string(file->type), file->text, {{"Cache-Control", "no-cache"}}};
}

ODT_INLINE http::response label_server::state::api(const http::request& asked) {
  const auto& s = asked.segments;
  const bool gets = asked.method == "GET", posts = asked.method == "POST";
  if (s.size() >= 3 && s[1] == "photos") {
    const auto photo = photos.find(s[2]);
    if (!photo) throw http::refusal(404, str("there is no photo ", s[2]));
    return of_photo(asked, *photo);
  }
  const std::string what = s.size() == 2 ? s[1] : std::string();
  if (what == "project" && gets) return project();
  if (what == "photos" && gets) return list();
  if (what == "next" && gets) return next(asked);
  if (what == "doubts" && gets) return doubts();
  if (what == "accepted" && gets) return accepted();
  if (what == "statistics" && gets) return statistics();
  if (what == "classes" && posts) {
    try {
      store.add_class(detail::field(detail::parse_body(asked), "name", std::string()));
    } catch (const http::refusal&) {
      throw;
    } catch (const error& wrong) {
      throw http::refusal(422, wrong.what());
    }
    events.send("classes", store.classes());
    return detail::answer_json({{"classes", store.classes()}});
  }
  if (what == "learn" && posts) {
    if (!learning) throw http::refusal(409, "nothing is trained: odt label was started without --train");
    learning->begin_round();
    return detail::answer_json(detail::status_json(learning->status()), 202);
  }
  throw http::refusal(404, str(asked.method, " ", asked.path, ": there is nothing here"));
}

ODT_INLINE http::response label_server::state::of_photo(const http::request& asked, std::size_t photo) {
  const std::string what = asked.segments.size() == 4 ? asked.segments[3] : std::string();
  const bool whole = asked.segments.size() == 3;
  try {
    if (asked.method == "GET" && whole) return labels(asked, photo);
    if (asked.method == "PUT" && whole) return save(asked, photo);
    if (asked.method == "GET" && what == "image") return picture(photo);
    if (asked.method == "GET" && what == "suggestions") return suggestions_of(asked, photo);
    if (asked.method == "POST" && what == "lease") return take_lease(asked, photo);
  } catch (const http::refusal&) {
    throw;
  } catch (const error& wrong) {  // about the photo, its labels, or the change
    throw http::refusal(422, wrong.what());
  }
  throw http::refusal(404, str(asked.method, " ", asked.path, ": there is nothing here"));
}

ODT_INLINE http::response label_server::state::project() const {
  // Drafts in a browser are kept under the id: another folder of the same name is another project.
  std::error_code ignored;
  const std::string place = std::filesystem::weakly_canonical(photos.notes(), ignored).string();
  detail::json json{{"id", digest_of(place.empty() ? photos.notes() : place).substr(0, 16)},
                    {"name", detail::name_of_folder(how.images)},
                    {"photos", photos.size()},
                    {"classes", store.classes()},
                    {"classes_given", store.classes_are_given()},
                    {"states", state_names},
                    {"threshold", how.threshold},
                    {"lease_seconds", how.lease_seconds},
                    {"left_out", photos.left_out()},
                    {"model", model_json()},
                    {"learning", nullptr}};
  if (learning) json["learning"] = detail::status_json(learning->status());
  return detail::answer_json(json);
}

/// Rows as short as they can be, since there may be tens of thousands.
ODT_INLINE http::response label_server::state::list() const {
  const auto rows = store.rows();
  const auto orders = suggestions ? suggestions->orders() : suggester::order_values{};
  const auto doubts = doubted.all();
  detail::json list = detail::json::array();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double change = orders.change.empty() ? -1 : orders.change[i];
    const double disagreement = doubts[i].empty() ? change : std::max(change, doubts[i].front().weight);
    list.push_back(
        detail::json::array({photos[i].id, photos[i].name, static_cast<int>(rows[i].state), rows[i].classes.size(),
                             orders.uncertainty.empty() ? -1 : orders.uncertainty[i], disagreement}));
  }
  return detail::answer_json(
      {{"columns", {"id", "name", "state", "boxes", "uncertainty", "disagreement"}}, {"photos", std::move(list)}});
}

ODT_INLINE http::response label_server::state::labels(const http::request& asked, std::size_t photo) {
  detail::json json = detail::labels_json(photos[photo], store.get(photo));
  const std::string session(asked.parameter("session"));
  json["lease"] = nullptr;
  if (const auto other = held.of_others(photo, session)) json["lease"] = detail::lease_json(*other, session);
  json["suggestions"] = nullptr;
  if (suggestions) {
    std::vector<std::size_t> soon{photo};
    for (std::size_t i = 1; i <= 3 && photo + i < photos.size(); ++i) soon.push_back(photo + i);
    suggestions->want(soon);
    json["suggestions"] = detail::prediction_json(suggestions->find(photo), suggestions->is_current(photo));
  }
  return detail::answer_json(json);
}

/// Upright, in a format that browsers know.
ODT_INLINE http::response label_server::state::picture(std::size_t photo) const {
  const std::string& path = photos[photo].path;
  std::string bytes = read_file(path);
  const image_info info = read_image_info(bytes, path);
  image_format format = info.format;
  if (info.orientation > 1 || format == image_format::tiff || format == image_format::gif) {
    image picture = decode_image(bytes, path);
    if (info.orientation > 1) picture = apply_orientation(picture, info.orientation);
    const bool exact = format == image_format::gif || format == image_format::png;
    bytes = exact ? encode_png(picture) : encode_jpeg(picture, 95);
    format = exact ? image_format::png : image_format::jpeg;
  }
  return {200, detail::type_of(format), std::move(bytes), {{"Cache-Control", "private, max-age=600"}}};
}

ODT_INLINE http::response label_server::state::save(const http::request& asked, std::size_t photo) {
  const detail::json body = detail::parse_body(asked);
  const std::string session = detail::field(body, "session", std::string());
  if (const auto other = held.of_others(photo, session))
    return detail::answer_json({{"error", str(photos[photo].name, ": ", other->holder.name, " is working on it")},
                                {"lease", detail::lease_json(*other, session)}},
                               423);
  try {
    const photo_row row = store.save(photo, detail::change_of(body, store.get(photo).size));
    return detail::answer_json({{"id", photos[photo].id},
                                {"revision", row.revision},
                                {"state", name_of(row.state)},
                                {"by", row.by},
                                {"time", row.time}});
  } catch (const revision_conflict& conflict) {
    const std::string by = conflict.now.row.by.empty() ? "somebody" : conflict.now.row.by;
    return detail::answer_json({{"error", str(photos[photo].name, ": ", by, " has changed it meanwhile")},
                                {"now", detail::labels_json(photos[photo], conflict.now)},
                                {"yours", body}},
                               409);
  }
}

ODT_INLINE http::response label_server::state::take_lease(const http::request& asked, std::size_t photo) {
  const detail::json body = detail::parse_body(asked);
  const annotator who{detail::field(body, "session", std::string()), detail::field(body, "by", std::string())};
  if (who.session.empty()) throw http::refusal(400, "\"session\" names the window that asks");
  if (detail::field(body, "release", false)) {
    held.release(photo, who.session);
    return detail::answer_json(detail::json::object());
  }
  const lease now = held.take(photo, who, detail::field(body, "force", false));
  return detail::answer_json(detail::lease_json(now, who.session), now.holder.session == who.session ? 200 : 423);
}

/// With ?wait=SECONDS, until the newest version has seen the photo, or these are over.
ODT_INLINE http::response label_server::state::suggestions_of(const http::request& asked, std::size_t photo) {
  if (!suggestions) return detail::answer_json(nullptr);
  const double seconds = std::clamp(detail::number_in(asked.parameter("wait"), 0), 0., 20.);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  const std::size_t wanted[] = {photo};
  suggestions->want(wanted);
  while (!suggestions->is_current(photo) && std::chrono::steady_clock::now() < end &&
         !suggestions->status().version.empty())
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return detail::answer_json(detail::prediction_json(suggestions->find(photo), suggestions->is_current(photo)));
}

/// The photo that is to be labelled next: ?order=name|uncertainty|disagreement|random, among those that nobody has
/// decided about or holds.
ODT_INLINE http::response label_server::state::next(const http::request& asked) const {
  const std::string order(asked.parameter("order")), session(asked.parameter("session"));
  const auto rows = store.rows();
  const auto values = suggestions ? suggestions->orders() : suggester::order_values{};
  const auto value = [&](std::size_t i) -> double {
    if (order == "uncertainty" && !values.uncertainty.empty()) return values.uncertainty[i];
    if (order == "disagreement" && !values.change.empty()) return values.change[i];
    if (order == "random") return static_cast<double>(std::hash<std::string>{}(photos[i].id + session));
    return -static_cast<double>(i);
  };
  std::optional<std::size_t> best;
  std::size_t left = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].state != photo_state::untouched && rows[i].state != photo_state::draft) continue;
    ++left;
    if (held.of_others(i, session)) continue;
    if (!best || value(i) > value(*best)) best = i;
  }
  detail::json json{{"left", left}, {"id", nullptr}};
  if (best) json["id"] = photos[*best].id, json["name"] = photos[*best].name;
  return detail::answer_json(json);
}

ODT_INLINE http::response label_server::state::doubts() const {
  struct entry {
    std::size_t photo;
    const doubt* what;
  };
  const auto all = doubted.all();
  std::vector<entry> entries;
  for (std::size_t i = 0; i < all.size(); ++i)
    for (const doubt& d : all[i]) entries.push_back({i, &d});
  std::ranges::stable_sort(entries, std::ranges::greater{}, [](const entry& e) { return e.what->weight; });
  if (entries.size() > 500) entries.resize(500);
  detail::json list = detail::json::array();
  for (const entry& e : entries) {
    list.push_back(detail::doubt_json(*e.what));
    list.back()["id"] = photos[e.photo].id;
    list.back()["name"] = photos[e.photo].name;
  }
  return detail::answer_json({{"doubts", std::move(list)}});
}

/// The accepted photos as `odt convert voc --ids` takes them: names without endings, a line each.
ODT_INLINE http::response label_server::state::accepted() const {
  const auto rows = store.rows();
  std::string text;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (is_accepted(rows[i].state)) text += odt::detail::without_ending(photos[i].name) + "\n";
  return {200, "text/plain; charset=utf-8", std::move(text), {}};
}

ODT_INLINE http::response label_server::state::statistics() const {
  const auto rows = store.rows();
  const auto classes = store.classes();
  std::map<std::string_view, int> states;
  std::map<std::string, int> people;
  std::vector<int> boxes(classes.size());
  for (const photo_row& row : rows) {
    ++states[name_of(row.state)];
    if (!row.by.empty()) ++people[row.by];
    if (is_accepted(row.state))
      for (const int number : row.classes) ++boxes[static_cast<std::size_t>(number)];
  }
  detail::json by_class = detail::json::array();
  for (std::size_t i = 0; i < classes.size(); ++i) by_class.push_back({{"name", classes[i]}, {"boxes", boxes[i]}});
  return detail::answer_json({{"photos", rows.size()},
                              {"states", states},
                              {"classes", std::move(by_class)},
                              {"people", people},
                              {"effort", detail::effort_json(store.total_effort())}});
}

}  // namespace odt::labelling
