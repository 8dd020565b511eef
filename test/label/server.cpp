// SPDX-License-Identifier: MIT
// The HTTP interface, asked as the page and as Label Studio do.
#include <odt/label/server.hpp>

#include <odt/core/random.hpp>
#include <odt/dataset/voc_xml.hpp>

#include <http/client.hpp>
#include <label/photo_folder.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

using nlohmann::json;
using odt::labelling::label_options;
using odt::labelling::label_server;
using odt::test::body_of;
using odt::test::photo_folder;
using odt::test::raw_client;
using odt::test::status_of;

namespace {

struct answer {
  int status = 0;
  json body;
};

/// A server over the photos a.jpg, b.jpg and "sub/c d.jpg".
struct site {
  site() {
    for (const char* name : {"a.jpg", "b.jpg", "sub/c d.jpg"}) folder.add(name);
    folder.add_labels("b.xml", odt::test::plain_xml(odt::test::xml_object("cat")));
    label_options how;
    how.images = folder.path("");
    server = std::make_unique<label_server>(std::span<const odt::detector_type>(), how);
  }

  answer ask(const std::string& method, const std::string& target, const std::string& body = "") const {
    const std::string text =
        raw_client(server->port())
            .ask(odt::str(method, " ", target, " HTTP/1.1\r\nHost: localhost\r\nContent-Length: ", body.size(),
                          "\r\n\r\n", body));
    return {status_of(text), json::parse(body_of(text), nullptr, false)};
  }
  answer ask(const std::string& method, const std::string& target, const json& body) const {
    return ask(method, target, body.dump());
  }

  std::string photo(std::size_t number) const { return "/api/photos/" + server->photos()[number].id; }

  json change(int revision, const std::string& state = "accepted") const {
    return {{"revision", revision},
            {"state", state},
            {"by", "Anna"},
            {"session", "1"},
            {"objects", {{{"name", "cat"}, {"box", {5, 6, 30, 40}}}}}};
  }

  photo_folder folder;
  std::unique_ptr<label_server> server;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(label_server_tests)

BOOST_AUTO_TEST_CASE(the_page_and_its_files_are_there_and_nothing_else) {
  const site s;
  for (const char* name : {"/", "/index.html", "/app.js", "/canvas.js", "/style.css", "/icon.svg"})
    BOOST_TEST(s.ask("GET", name).status == 200);
  for (const char* name : {"/nothing.js", "/page/app.js", "/a.jpg", "/..%2fetc", "/api", "/api/photos/a.jpg",
                           "/api/photos/..%2f..%2fetc%2fpasswd/image"}) {
    const int status = s.ask("GET", name).status;
    BOOST_TEST((status == 404 || status == 400), name << " gives " << status);
  }
}

BOOST_AUTO_TEST_CASE(photos_are_listed_shown_and_saved) {
  const site s;
  const answer list = s.ask("GET", "/api/photos");
  BOOST_REQUIRE(list.body["photos"].size() == 3u);
  BOOST_TEST(list.body["photos"][2][1] == "sub/c d.jpg");
  const answer before = s.ask("GET", s.photo(0));
  BOOST_TEST(before.body["width"] == 64);
  BOOST_TEST(before.body["state"] == "untouched");
  const answer saved = s.ask("PUT", s.photo(0), s.change(0));
  BOOST_TEST(saved.status == 200);
  BOOST_TEST(saved.body["revision"] == 1);
  BOOST_TEST(odt::read_voc_xml(s.folder.path("a.xml")).objects.size() == 1u);
  const answer after = s.ask("GET", s.photo(0));
  BOOST_TEST(after.body["state"] == "accepted");
  BOOST_TEST(after.body["objects"][0]["box"] == json({5, 6, 30, 40}));
  BOOST_TEST(body_of(raw_client(s.server->port()).ask(odt::test::get("/api/accepted"))) == "a\nb\n");
  const answer statistics = s.ask("GET", "/api/statistics");
  BOOST_TEST(statistics.body["states"]["accepted"] == 2);
  BOOST_TEST(statistics.body["classes"][0]["boxes"] == 2);
}

BOOST_AUTO_TEST_CASE(pictures_come_as_browsers_want_them) {
  const site s;
  const std::string text = raw_client(s.server->port()).ask(odt::test::get(s.photo(2) + "/image"));
  BOOST_TEST(text.find("image/jpeg") != std::string::npos);
  BOOST_TEST(body_of(text) == odt::read_file(s.folder.path("sub/c d.jpg")));
}

BOOST_AUTO_TEST_CASE(a_damaged_photo_can_be_rejected_and_not_labelled) {
  const site s;
  odt::write_file(s.folder.path("a.jpg"), "no picture");
  const answer photo = s.ask("GET", s.photo(0));
  BOOST_TEST(photo.status == 200);
  BOOST_TEST(photo.body["width"] == 0);
  BOOST_TEST(photo.body["remarks"][0].get<std::string>().find("a.jpg") != std::string::npos);
  BOOST_TEST(s.ask("GET", s.photo(0) + "/image").status == 422);
  BOOST_TEST(s.ask("PUT", s.photo(0), s.change(0)).status == 422);
  json rejected = s.change(0, "rejected");
  rejected["objects"] = json::array();
  BOOST_TEST(s.ask("PUT", s.photo(0), rejected).status == 200);
}

BOOST_AUTO_TEST_CASE(a_conflict_gives_both_versions) {
  const site s;
  s.ask("PUT", s.photo(0), s.change(0));
  json mine = s.change(0, "draft");
  mine["objects"][0]["name"] = "dog";
  const answer refused = s.ask("PUT", s.photo(0), mine);
  BOOST_TEST(refused.status == 409);
  BOOST_TEST(refused.body["now"]["objects"][0]["name"] == "cat");
  BOOST_TEST(refused.body["now"]["revision"] == 1);
  BOOST_TEST(refused.body["yours"]["objects"][0]["name"] == "dog");
  BOOST_TEST(refused.body["error"].get<std::string>().find("Anna") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(who_holds_a_photo_keeps_others_out) {
  const site s;
  BOOST_TEST(s.ask("POST", s.photo(0) + "/lease", json{{"session", "2"}, {"by", "Ben"}}).status == 200);
  const answer held = s.ask("POST", s.photo(0) + "/lease", json{{"session", "1"}, {"by", "Anna"}});
  BOOST_TEST(held.status == 423);
  BOOST_TEST(held.body["by"] == "Ben");
  BOOST_TEST(s.ask("PUT", s.photo(0), s.change(0)).status == 423);
  BOOST_TEST(s.ask("GET", s.photo(0) + "?session=1").body["lease"]["by"] == "Ben");
  BOOST_TEST(s.ask("GET", "/api/next?session=1").body["name"] == "sub/c d.jpg");
  BOOST_TEST(s.ask("GET", "/api/next?session=2").body["name"] == "a.jpg");
  BOOST_TEST(s.ask("POST", s.photo(0) + "/lease", json{{"session", "1"}, {"by", "Anna"}, {"force", true}}).status ==
             200);
  BOOST_TEST(s.ask("PUT", s.photo(0), s.change(0)).status == 200);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_request_is_told) {
  const site s;
  BOOST_TEST(s.ask("PUT", s.photo(0), std::string("no json")).status == 400);
  BOOST_TEST(s.ask("PUT", s.photo(0), std::string("[]")).status == 400);
  BOOST_TEST(s.ask("PUT", s.photo(0), json{{"revision", "one"}, {"objects", json::array()}}).status == 400);
  BOOST_TEST(s.ask("PUT", s.photo(0), s.change(0, "happy")).status == 400);
  json change = s.change(0);
  change["objects"][0]["box"] = {1, 2, 3};
  BOOST_TEST(s.ask("PUT", s.photo(0), change).status == 400);
  change["objects"][0]["box"] = {30, 2, 3, 9};
  const answer inverted = s.ask("PUT", s.photo(0), change);
  BOOST_TEST(inverted.status == 422);
  BOOST_TEST(inverted.body["error"].get<std::string>().find("inverted") != std::string::npos);
  BOOST_TEST(s.ask("POST", "/api/learn", json::object()).status == 409);
  BOOST_TEST(s.ask("DELETE", s.photo(0)).status == 404);
  BOOST_TEST(s.ask("GET", s.photo(0)).body["revision"] == 0);
}

BOOST_AUTO_TEST_CASE(broken_bodies_do_no_harm) {
  const site s;
  const json task{{"id", 1}, {"data", {{"image", "/data/local-files/?d=photos/a.jpg"}}}};
  const json region{{"type", "rectanglelabels"},
                    {"value", {{"x", 25}, {"y", 50}, {"width", 50}, {"height", 25}, {"rectanglelabels", {"cat"}}}}};
  const json hook{{"action", "ANNOTATION_CREATED"}, {"task", task}, {"annotation", {{"result", {region}}}}};
  const std::vector<std::array<std::string, 3>> good{{"PUT", s.photo(0), s.change(0).dump()},
                                                     {"POST", s.photo(0) + "/lease", R"({"session":"1","by":"a"})"},
                                                     {"POST", "/predict", json{{"tasks", {task}}}.dump()},
                                                     {"POST", "/webhook", hook.dump()},
                                                     {"POST", "/api/classes", R"({"name":"x"})"}};
  const std::string pieces[] = {"{",  "}",     "[",       "]",    "\"",   ",",  ":", "null",
                                "-1", "1e999", "\\u0000", "\xff", "true", "{}", "[]"};
  odt::random_stream chance(3);
  const auto pick = [&](std::size_t count) {
    return static_cast<std::size_t>(chance.integer(0, static_cast<std::int64_t>(count)));
  };
  for (int i = 0; i < 400; ++i) {
    const auto& [method, target, body] = good[pick(good.size())];
    std::string broken = body;
    for (std::size_t changes = 1 + pick(4); changes > 0 && !broken.empty(); --changes) {
      const std::size_t at = pick(broken.size());
      broken.replace(at, pick(std::min<std::size_t>(9, broken.size() - at)), pieces[pick(std::size(pieces))]);
    }
    const int status = s.ask(method, target, broken).status;
    BOOST_REQUIRE_MESSAGE(status >= 200 && status < 500,
                          method << " " << target << " " << broken << " gives " << status);
  }
  BOOST_TEST(s.ask("PUT", s.photo(0), std::string(100000, '[')).status == 400);
  BOOST_TEST(s.ask("GET", "/api/project").status == 200);
}

BOOST_AUTO_TEST_CASE(requests_from_other_pages_are_turned_away) {
  const site s;
  const std::string body = s.change(0).dump();
  const std::string text =
      raw_client(s.server->port())
          .ask(odt::str("PUT ", s.photo(0),
                        " HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nContent-Length: ", body.size(),
                        "\r\n\r\n", body));
  BOOST_TEST(status_of(text) == 403);
  BOOST_TEST(!odt::file_exists(s.folder.path("a.xml")));
}

BOOST_AUTO_TEST_CASE(classes_are_added_by_the_page) {
  const site s;
  BOOST_TEST(s.ask("POST", "/api/classes", json{{"name", "dog"}}).body["classes"] == json({"cat", "dog"}));
  BOOST_TEST(s.ask("POST", "/api/classes", json{{"name", ""}}).status == 422);
}

BOOST_AUTO_TEST_CASE(label_studio_gets_its_protocol) {
  const site s;
  BOOST_TEST(s.ask("GET", "/health").body["status"] == "UP");
  BOOST_TEST(s.ask("POST", "/setup", json{{"project", "1"}, {"schema", "<View/>"}}).body.contains("model_version"));
  const json task{{"id", 1}, {"data", {{"image", "/data/local-files/?d=photos/sub/c%20d.jpg"}}}};
  const answer predicted = s.ask("POST", "/predict", json{{"tasks", {task}}, {"label_config", "<View/>"}});
  BOOST_TEST(predicted.status == 200);
  BOOST_TEST(predicted.body["results"].size() == 1u);
  const json region{{"type", "rectanglelabels"},
                    {"value", {{"x", 25}, {"y", 50}, {"width", 50}, {"height", 25}, {"rectanglelabels", {"cat"}}}}};
  const json sent{{"action", "ANNOTATION_CREATED"}, {"task", task}, {"annotation", {{"result", {region}}}}};
  BOOST_TEST(s.ask("POST", "/webhook", sent).status == 201);
  const auto labels = odt::read_voc_xml(s.folder.path("sub/c d.xml"));
  BOOST_REQUIRE(labels.objects.size() == 1u);
  BOOST_TEST((labels.objects[0].bounds == odt::pixel_box{16, 24, 48, 36}));
  BOOST_TEST(labels.verified);
  json stranger = sent;
  stranger["task"]["data"]["image"] = "http://elsewhere/x.jpg";
  BOOST_TEST(s.ask("POST", "/webhook", stranger).status == 404);
  json upload = sent;
  upload["task"]["data"]["image"] = "/data/upload/1/0a1b2c3d-a.jpg";
  BOOST_TEST(s.ask("POST", "/webhook", upload).status == 201);
  BOOST_TEST(odt::file_exists(s.folder.path("a.xml")));
  BOOST_TEST(s.ask("POST", "/webhook", json{{"action", "PROJECT_UPDATED"}}).status == 200);
}

BOOST_AUTO_TEST_SUITE_END()
