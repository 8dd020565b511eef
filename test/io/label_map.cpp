// SPDX-License-Identifier: MIT
#include <odt/core/log.hpp>
#include <odt/io/file.hpp>
#include <odt/io/label_map.hpp>

#include <golden.hpp>
#include <scratch.hpp>

#include <set>

namespace {

using odt::label_map;
using odt::test::check_error;
using odt::test::json;

/// Reads a file map.pbtxt and collects the warnings, without its folder.
std::pair<label_map, std::vector<std::string>> parse(std::string_view text) {
  const odt::test::scratch_directory scratch;
  const std::string path = scratch / "map.pbtxt";
  odt::write_file(path, text);
  std::vector<std::string> warnings;
  odt::set_log_sink([&](odt::log_level, std::string_view message) {
    warnings.emplace_back(message.substr(message.starts_with(path) ? path.rfind('/') + 1 : 0));
  });
  label_map map;
  try {
    map = label_map::read(path);
  } catch (...) {
    odt::set_log_sink({});
    throw;
  }
  odt::set_log_sink({});
  return {map, warnings};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(label_map_tests)

BOOST_AUTO_TEST_CASE(classes_are_found_by_id_name_and_display_name) {
  const auto [map, warnings] = parse(
      "item { id: 2 name: 'dog' }\nitem { id: 1 name: 'cat' display_name: 'Cat the animal' }\n"
      "item { id: 3 name: '/m/0k4j' display_name: 'car' }");
  BOOST_CHECK(warnings.empty());
  BOOST_CHECK_EQUAL(map.size(), 3u);
  BOOST_CHECK_EQUAL(map.max_id(), 3);
  BOOST_CHECK_EQUAL(*map.id("cat"), 1);
  BOOST_CHECK_EQUAL(*map.id("Cat the animal"), 1);
  BOOST_CHECK_EQUAL(*map.id("dog"), 2);
  BOOST_CHECK_EQUAL(*map.id("car"), 3);
  BOOST_CHECK(!map.id("bird") && !map.id(""));
  BOOST_CHECK_EQUAL(map.display_name(1), "Cat the animal");
  BOOST_CHECK_EQUAL(map.display_name(2), "dog");
  BOOST_CHECK_EQUAL(map.display_name(9), "class 9");
  BOOST_CHECK_EQUAL(odt::join(map.class_names(), "|"), "Cat the animal|dog|car");
  BOOST_CHECK(!map.has(0) && map.has(3) && !map.has(4));
}

BOOST_AUTO_TEST_CASE(a_name_wins_over_the_display_name_of_another) {
  BOOST_CHECK_EQUAL(*parse("item { id: 1 name: 'x' display_name: 'cat' } item { id: 2 name: 'cat' }").first.id("cat"),
                    2);
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read_back) {
  const odt::test::scratch_directory scratch;
  const label_map map({{1, "caf\xc3\xa9", ""}, {2, "it's \"quoted\"\n", "back\\slash"}, {3, "", "shown"}});
  map.write(scratch / "map.pbtxt");
  BOOST_CHECK(label_map::read(scratch / "map.pbtxt") == map);
  BOOST_CHECK_EQUAL(label_map::from_names({"cat", "dog"}).text(),
                    "item {\n  name: \"cat\"\n  id: 1\n}\nitem {\n  name: \"dog\"\n  id: 2\n}\n");
}

BOOST_AUTO_TEST_CASE(the_background_is_no_class) {
  const label_map map = parse("item { id: 0 name: 'background' } item { id: 1 name: 'cat' }").first;
  BOOST_CHECK_EQUAL(map.size(), 1u);
  BOOST_CHECK(!map.id("background") && !map.has(0));
}

BOOST_AUTO_TEST_CASE(errors_name_file_and_line_and_what_is_right) {
  const auto check = [](std::string_view text, std::initializer_list<std::string_view> pieces) {
    check_error([&] { parse(text); }, pieces);
  };
  check("item { id: 1 name: 'a' }\nitem { id: 0 name: 'cat' }", {"map.pbtxt:2: ", "\"cat\" has id 0", "start at 1"});
  check("item { name: 'cat' }", {"map.pbtxt:1: ", "id 0 (or none)", "start at 1"});
  check("item { id: -1 name: 'cat' }", {"map.pbtxt:1: ", "id -1"});
  check("\n\nitem { id: 1 name: 'cat' }\n\nitem { id: 1 name: 'kitten' }",
        {"map.pbtxt:5: ", "id 1", "\"kitten\"", "\"cat\""});
  check("item { id: 1 name: 'cat' }\nitem { id: 2 name: 'cat' }", {"map.pbtxt:2: ", "\"cat\" stands for ids 1 and 2"});
  check("item { id: 1 }", {"map.pbtxt:1: ", "without name"});
  check("", {"map.pbtxt", "without items", "item { id: 1"});
  check("item { id: 1\n name: 'cat' colour: 'red' }", {"map.pbtxt:2:", "colour"});
  check("item { id: 1 name: 'cat' ", {"map.pbtxt:1:"});
  check("item { id: one name: 'cat' }", {"map.pbtxt:1:12", "one"});
  check_error([] { label_map::read("/no/such/map.pbtxt"); }, {"/no/such/map.pbtxt", "No such file"});
}

BOOST_AUTO_TEST_CASE(what_was_pasted_or_saved_otherwise_is_named) {
  const auto check = [](std::string_view text, std::initializer_list<std::string_view> pieces) {
    check_error([&] { parse(text); }, pieces);
  };
  BOOST_CHECK_EQUAL(parse("item { id: 1\r name: 'cat' }\r\n").first.size(), 1u);
  check("\xef\xbb\xbfitem { id: 1 name: 'cat' }", {"map.pbtxt:1: ", "byte order mark"});
  check("item {\n  id: 1\n  name: \u2018cat\u2019\n}",
        {"map.pbtxt:3:9: the quote is a typographic one", "write ' or \""});
  check("item {\n  id:\u00A01\n}", {"map.pbtxt:2:6: U+00A0 no-break space; write an ordinary space"});
  check(std::string_view("\xFF\xFEi\0t\0", 6), {"map.pbtxt: is UTF-16; save it as UTF-8"});
  check("item {\n  id: 1\n  name: 'c}t'  # }\n\n", {"map.pbtxt:5:1: expected \"}\", which closes the \"{\" of line 1"});
  check("item {\n name: 'caf\xe9' id: 1 }", {"map.pbtxt:2: not UTF-8 (byte 0xE9)"});
  check("<!DOCTYPE html>", {"map.pbtxt: is a web page"});
  check("train: images\nnc: 1\nnames: ['cat']\n", {"map.pbtxt: is YAML", "data.yaml", "item { id: 1 name: 'cat' }"});
  check("[{\"id\": 1}]", {"map.pbtxt: is JSON", "item { id: 1"});
  check("cat\nred dog\n", {"map.pbtxt: is a list of names", "classes.txt"});
}

BOOST_AUTO_TEST_CASE(names_are_utf_8) {
  check_error([] { label_map::from_names({"cat", "caf\xe9"}); }, {"the name of id 2 is not UTF-8"});
}

BOOST_AUTO_TEST_CASE(a_list_of_names_is_taken) {
  std::vector<std::string> said;
  odt::set_log_sink([&](odt::log_level, std::string_view message) { said.emplace_back(message); });
  const label_map map = label_map::parse("\xef\xbb\xbfred car\r\n\r\ncat \n", "classes.txt");
  odt::set_log_sink({});
  BOOST_CHECK(map == label_map::from_names({"red car", "cat"}));
  BOOST_REQUIRE_EQUAL(said.size(), 1u);
  BOOST_CHECK_EQUAL(said[0], "classes.txt: taken as a list of classes with ids 1 to 2 in its order");
  check_error([] { label_map::parse("cat\ndog\ncat\n", "obj.names"); },
              {"obj.names:3: ", "\"cat\" stands for ids 1 and 3"});
  check_error([] { label_map::parse("\n", "classes.txt"); }, {"classes.txt: the list is empty"});
  check_error([] { label_map::parse("cat\n{dog}\n", "map.txt"); }, {"map.txt:2: ", "\"{dog}\" is no name"});
  BOOST_CHECK(label_map::parse("item\nitem of clothing\n", "a.names") ==
              label_map::from_names({"item", "item of clothing"}));
}

BOOST_AUTO_TEST_CASE(protobufs_form_is_taken_under_the_name_of_a_list) {
  const label_map map({{2, "dog", ""}, {3, "cat", ""}});
  for (const char* const text : {"item {\n  id: 2\n  name: 'dog'\n}\nitem { id: 3 name: 'cat' }",
                                 "# classes\nitem:{ id: 2 name: 'dog' }\nitem\n{ id: 3 name: 'cat' }"})
    for (const char* const name : {"label_map.txt", "label_map.names", "label_map.pbtxt"})
      BOOST_CHECK(label_map::parse(text, name) == map);
  check_error([] { label_map::parse("item {\n id: 1\n}", "map.txt"); }, {"map.txt:1: ", "without name"});
}

BOOST_AUTO_TEST_CASE(oddities_are_said_of_files_alone) {
  std::vector<std::string> said;
  odt::set_log_sink([&](odt::log_level, std::string_view message) { said.emplace_back(message); });
  const std::string text = "item { id: 1 name: 'cat' display_name: 'x' } item { id: 4 name: 'Cat' display_name: 'x' }";
  label_map::parse(text, "model.ckpt-3: labels");
  BOOST_CHECK(said.empty());
  const odt::test::scratch_directory scratch;
  odt::write_file(scratch / "map.pbtxt", text);
  label_map::read(scratch / "map.pbtxt");
  odt::set_log_sink({});
  BOOST_CHECK_EQUAL(said.size(), 3u);
}

BOOST_AUTO_TEST_CASE(names_that_look_alike_are_warned_about) {
  const auto twice = parse("item { id: 1 name: 'Cat' } item { id: 2 name: 'cat' } item { id: 3 name: 'dog\u00A0' }");
  BOOST_REQUIRE_EQUAL(twice.second.size(), 2u);
  BOOST_CHECK_EQUAL(twice.second[0],
                    "map.pbtxt: the names \"Cat\" of id 1 and \"cat\" of id 2 differ only in upper and lower case");
  BOOST_CHECK_EQUAL(twice.second[1], "map.pbtxt: the name of id 3 (\"dog\u00A0\") holds U+00A0 no-break space");
}

BOOST_AUTO_TEST_CASE(gaps_and_repeated_display_names_are_warned_about) {
  const auto [map, warnings] = parse("item { id: 1 name: 'cat' } item { id: 4 name: 'dog' }");
  BOOST_CHECK(map.gaps() == (std::vector<int>{2, 3}));
  BOOST_REQUIRE_EQUAL(warnings.size(), 1u);
  BOOST_CHECK(warnings[0].find("map.pbtxt: no class has id 2, 3") == 0);
  const auto twice = parse("item { id: 1 name: 'a' display_name: 'x' } item { id: 2 name: 'b' display_name: 'x' }");
  BOOST_REQUIRE_EQUAL(twice.second.size(), 1u);
  BOOST_CHECK(twice.second[0].find("\"x\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_apis_results, *odt::test::needs(odt::test::golden() / "units/label_map")) {
  // Here odt refuses what the API takes: ids or names that occur twice, and a map without items.
  const std::set<std::string> refused = {"the same id twice", "the same name twice", "empty file"};
  std::size_t seen = 0;
  for (const auto& c : odt::test::golden_cases("label_map")) {
    const std::string text = c.content["inputs"]["text"], what = c.content["what"];
    const json& loaded = c.content["outputs"]["load_labelmap"];
    if (loaded.contains("error") || refused.contains(what)) {
      seen += refused.contains(what);
      BOOST_CHECK_THROW(parse(text), odt::error);
      continue;
    }
    const label_map map = parse(text).first;
    std::vector<odt::label_map_item> expected;
    for (const json& item : loaded["result"])
      if (item["id"] != 0) expected.push_back({item["id"], item["name"], item["display_name"]});
    std::ranges::sort(expected, {}, &odt::label_map_item::id);
    BOOST_CHECK_MESSAGE(map.items() == expected, c.name());
    for (const auto& [name, id] : c.content["outputs"]["get_label_map_dict"]["result"].items())
      if (id != 0 && !name.empty()) BOOST_CHECK_EQUAL(map.id(name).value_or(-1), id.get<int>());
    BOOST_CHECK_EQUAL(map.max_id(), c.content["outputs"]["get_max_label_map_index"]["result"].get<int>());
    for (const json& category : c.content["outputs"]["create_categories_from_labelmap"]["result"])
      BOOST_CHECK_EQUAL(map.display_name(category["id"]), category["name"].get<std::string>());
  }
  BOOST_CHECK_EQUAL(seen, refused.size());
}

BOOST_AUTO_TEST_CASE(the_apis_label_maps, *odt::test::needs(odt::test::data() / "label_maps")) {
  const auto read = [](const char* file) {
    return parse(odt::read_file((odt::test::data() / "label_maps" / file).string())).first;
  };
  BOOST_CHECK_EQUAL(read("pet_label_map.pbtxt").size(), 37u);
  BOOST_CHECK_EQUAL(read("pascal_label_map.pbtxt").display_name(20), "tvmonitor");
  const label_map coco = read("mscoco_label_map.pbtxt");
  BOOST_CHECK_EQUAL(coco.size(), 80u);
  BOOST_CHECK_EQUAL(coco.max_id(), 90);
  BOOST_CHECK_EQUAL(*coco.id("person"), 1);
  BOOST_CHECK_EQUAL(*coco.id("/m/01g317"), 1);
}

BOOST_AUTO_TEST_SUITE_END()
