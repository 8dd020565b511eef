// SPDX-License-Identifier: MIT
#include <odt/core/settings.hpp>

#include <boost/test/unit_test.hpp>

#include <optional>

namespace {

odt::settings scalar(std::string name, std::string text, bool set = true) {
  odt::settings s;
  s.name = s.path = std::move(name);
  s.text = std::move(text);
  s.set = set;
  return s;
}

odt::settings sample() {
  odt::settings root;
  root.message = root.set = true;
  root.place = "a.config:3:1";
  root.children = {scalar("scale", "2.5"), scalar("on", "true"), scalar("quiet", "1", false)};
  odt::settings list;
  list.name = list.path = "ratios";
  list.set = true;
  list.children = {scalar("0", "1"), scalar("1", "0.5")};
  root.children.push_back(list);
  return root;
}

struct options {
  float scale = 1;
  bool on = false;
  odt::static_vector<float, 4> ratios{9};
  static constexpr void fields(auto& o, auto&& field) {
    field("scale", o.scale);
    field("on", o.on);
    field("ratios", o.ratios);
  }
};

struct optional_options {
  std::optional<float> scale, quiet;
  static constexpr void fields(auto& o, auto&& field) {
    field("scale", o.scale);
    field("quiet", o.quiet);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(settings_tests)

BOOST_AUTO_TEST_CASE(options_are_read_field_by_field) {
  const auto root = sample();
  const auto read = odt::read_options<options>(root);
  BOOST_TEST(read.scale == 2.5f);
  BOOST_TEST(read.on);
  BOOST_TEST((read.ratios == odt::static_vector<float, 4>{1, 0.5f}));
  BOOST_CHECK_NO_THROW(odt::refuse_unread(root));
}

BOOST_AUTO_TEST_CASE(an_optional_field_is_empty_unless_the_file_gives_it) {
  const auto read = odt::read_options<optional_options>(sample());
  BOOST_TEST(read.scale.value() == 2.5f);
  BOOST_TEST(!read.quiet.has_value());
}

BOOST_AUTO_TEST_CASE(a_set_field_that_nobody_read_is_refused_by_its_path) {
  const auto root = sample();
  root.get<float>("scale");
  root.at("ratios").accept();
  BOOST_CHECK_EXCEPTION(odt::refuse_unread(root), odt::error, [](const odt::error& e) {
    return std::string(e.what()).find("on: ") != std::string::npos &&
           std::string(e.what()).find("quiet") == std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(a_field_set_to_its_default_may_stay_unread) {
  odt::settings root;
  root.children = {scalar("on", "true"), scalar("off", "false")};
  root.children[1].fallback = "false";
  std::vector<const odt::settings*> unread;
  odt::collect_unread(root, unread);
  BOOST_REQUIRE(unread.size() == 1);
  BOOST_TEST(unread[0]->name == "on");
}

BOOST_AUTO_TEST_CASE(an_unreadable_number_names_its_place) {
  auto root = sample();
  root.children[0].text = "two";
  BOOST_CHECK_THROW(odt::read_options<options>(root), odt::error);
}

BOOST_AUTO_TEST_CASE(what_a_oneof_holds_must_be_among_what_the_program_has) {
  auto root = sample();
  root.name = root.path = "box_coder";
  root.children[0].alternative = true;
  BOOST_TEST(odt::choose(root, {"scale", "other"}).name == "scale");
  BOOST_CHECK_EXCEPTION(odt::choose(root, {"other", "third"}), odt::error, [](const odt::error& e) {
    return std::string(e.what()) == "scale: is not available; this program has other, third";
  });
  root.children[0].set = false;
  BOOST_CHECK_EXCEPTION(odt::choose(root, {"other"}), odt::error, [](const odt::error& e) {
    return std::string(e.what()) == "a.config:3:1: box_coder: is missing; this program has other";
  });
}

BOOST_AUTO_TEST_CASE(a_type_must_be_among_what_the_program_has) {
  auto type = scalar("type", "ssd_mobilenet_v3_small");
  BOOST_CHECK_EXCEPTION(
      odt::choose(type, {"ssd_mobilenet_v1", "ssd_inception_v2"}), odt::error, [](const odt::error& e) {
        return std::string(e.what()) ==
               "type: \"ssd_mobilenet_v3_small\" is not available; this program has ssd_mobilenet_v1, ssd_inception_v2";
      });
  type.text = "ssd_mobilenet_v1";
  BOOST_TEST(&odt::choose(type, {"ssd_mobilenet_v1"}) == &type);
}

BOOST_AUTO_TEST_CASE(a_double_is_the_float_of_the_file) {
  BOOST_TEST(scalar("scale", "0.2").as<double>() == static_cast<double>(0.2f));
}

BOOST_AUTO_TEST_SUITE_END()
