// SPDX-License-Identifier: MIT
#include <odt/serve/config.hpp>
#include <odt/serve/status.hpp>

#include <scratch.hpp>

using odt::serve::parse_batching;
using odt::serve::parse_model_configs;
using odt::serve::version_policy;
using odt::test::check_error;
using versions = std::vector<std::int64_t>;

BOOST_AUTO_TEST_SUITE(config_tests)

BOOST_AUTO_TEST_CASE(models) {
  const auto all = parse_model_configs(R"(
model_config_list {
  config { name: "a" base_path: "/a" model_platform: "tensorflow" }
  config { name: "b" base_path: "/b" model_version_policy { all {} } }
  config { name: "c" base_path: "/c" model_version_policy { latest { num_versions: 3 } } }
  config { name: "d" base_path: "/d" model_version_policy { specific { versions: 7 versions: 2 } }
           version_labels { key: "stable" value: 2 } }
})",
                                       "f");
  BOOST_REQUIRE(all.size() == 4u);
  BOOST_TEST(all[0].name == "a");
  BOOST_TEST(all[0].policy.count == 1u);
  BOOST_TEST((all[1].policy.what == version_policy::kind::all));
  BOOST_TEST(all[2].policy.count == 3u);
  BOOST_TEST(all[3].policy.versions == (versions{2, 7}), boost::test_tools::per_element());
  BOOST_TEST(all[3].labels.at("stable") == 2);
}

BOOST_AUTO_TEST_CASE(configs_that_are_refused) {
  const auto refuse = [](std::string_view text, std::initializer_list<std::string_view> said) {
    check_error([&] { parse_model_configs(text, "f"); }, said);
  };
  refuse("", {"nothing to serve"});
  refuse("model_config_list { config { name: \"a\" nonsense: 3 } }", {"f:1", "nonsense"});
  refuse("model_config_list { config { base_path: \"/a\" } }", {"no name"});
  refuse("model_config_list { config { name: \"a\" } }", {"\"a\"", "base_path"});
  refuse("model_config_list { config { name: \"a:b\" base_path: \"/\" } }", {"a:b"});
  refuse("model_config_list { config { name: \"a\" base_path: \"/\" } config { name: \"a\" base_path: \"/\" } }",
         {"a multiple times"});
  refuse("model_config_list { config { name: \"a\" base_path: \"/\" model_version_policy { specific {} } } }",
         {"names no versions"});
  BOOST_CHECK_THROW(odt::serve::model_configs_of("\xff\xff"), odt::serve::failure);
  BOOST_CHECK_THROW(odt::serve::model_configs_of(""), odt::serve::failure);
}

BOOST_AUTO_TEST_CASE(versions_that_are_wanted) {
  const versions there{1, 5, 9, 10};
  const auto choose = [&](const version_policy& p) { return p.choose(there); };
  BOOST_TEST(choose({}) == (versions{10}), boost::test_tools::per_element());
  BOOST_TEST(choose({.count = 2}) == (versions{9, 10}), boost::test_tools::per_element());
  BOOST_TEST(choose({.count = 9}) == there, boost::test_tools::per_element());
  BOOST_TEST(choose({.what = version_policy::kind::all}) == there, boost::test_tools::per_element());
  BOOST_TEST(choose({.what = version_policy::kind::specific, .versions = {5, 6}}) == (versions{5}),
             boost::test_tools::per_element());
  BOOST_TEST(version_policy{}.choose({}).empty());
}

BOOST_AUTO_TEST_CASE(batching) {
  const auto how = parse_batching(
      "max_batch_size { value: 16 } batch_timeout_micros { value: 500 } max_enqueued_batches { value: 3 } "
      "num_batch_threads { value: 1 } allowed_batch_sizes: 4 allowed_batch_sizes: 16",
      "f", {});
  BOOST_TEST(how.max_batch_size == 16);
  BOOST_TEST(how.timeout_micros == 500);
  BOOST_TEST(how.capacity() == 48u);
  BOOST_TEST(how.sizes() == (std::vector<int>{4, 16}), boost::test_tools::per_element());
  const auto usual = parse_batching("max_batch_size { value: 6 }", "f", {});
  BOOST_TEST(usual.sizes() == (std::vector<int>{1, 2, 4, 6}), boost::test_tools::per_element());
  for (const char* wrong :
       {"max_batch_size { value: 0 }", "max_batch_size { value: 99999999999 }", "batch_timeout_micros { value: -1 }",
        "max_enqueued_batches { value: 0 }", "max_batch_size { value: 4 } allowed_batch_sizes: 2",
        "max_batch_size { value: 4 } allowed_batch_sizes: 4 allowed_batch_sizes: 2",
        "max_batch_size { value: 4 } allowed_batch_sizes: 0 allowed_batch_sizes: 4", "nonsense: 1"})
    check_error([&] { parse_batching(wrong, "f", {}); }, {"f"});
}

BOOST_AUTO_TEST_SUITE_END()
