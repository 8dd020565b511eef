// SPDX-License-Identifier: MIT
#include <odt/train/run_state.hpp>

#include "train/toy_data.hpp"

#include <boost/test/unit_test.hpp>

namespace {

using odt::label_map;
using odt::test::scratch_directory;
using lines = std::vector<std::string>;

const label_map pets = label_map::from_names({"cat", "dog"});

odt::checkpoint_reader written(const std::string& prefix, const odt::run_state& state) {
  odt::checkpoint_writer writer(prefix);
  odt::write_run_state(writer, state);
  writer.commit();
  return odt::checkpoint_reader(prefix);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(run_state_tests)

BOOST_AUTO_TEST_CASE(what_is_written_is_read_back) {
  const scratch_directory at;
  const odt::run_state state{7, 300, ~std::uint64_t{5}, "train_config { }", ~std::uint64_t{6}, pets};
  const auto reader = written(at / "model.ckpt-1", state);
  const auto back = odt::read_run_state(reader);
  BOOST_TEST_REQUIRE(back.has_value());
  BOOST_TEST(back->seed == state.seed);
  BOOST_TEST(back->samples_seen == state.samples_seen);
  BOOST_TEST(back->data_fingerprint == state.data_fingerprint);
  BOOST_TEST(back->data_contents == state.data_contents);
  BOOST_TEST(back->config == state.config);
  BOOST_TEST((back->labels == pets));
  BOOST_TEST((odt::read_labels(reader) == pets));
}

BOOST_AUTO_TEST_CASE(what_is_not_known_stays_away) {
  const scratch_directory at;
  const auto reader = written(at / "model.ckpt-1", {});
  BOOST_TEST(!reader.find("odt/data_contents"));
  BOOST_TEST(odt::read_labels(reader).empty());
}

BOOST_AUTO_TEST_CASE(another_label_map_is_told_class_by_class) {
  const auto changes = [](const lines& names) { return odt::label_changes(pets, label_map::from_names(names)); };
  BOOST_TEST(changes({"cat", "dog"}).empty());
  BOOST_TEST(changes({"dog", "cat"}) == (lines{"class 1 was cat and is dog now", "class 2 was dog and is cat now"}),
             boost::test_tools::per_element());
  BOOST_TEST(changes({"cat"}) == lines{"class 2 was dog and is gone"}, boost::test_tools::per_element());
  BOOST_TEST(changes({"cat", "dog", "cow"}) == lines{"class 3 is new: cow"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(classes_have_moved_when_a_name_has_another_number) {
  const auto moved = [](const lines& names) { return odt::labels_moved(pets, label_map::from_names(names)); };
  BOOST_TEST(moved({"dog", "cat"}));
  BOOST_TEST(moved({"cow", "cat", "dog"}));
  BOOST_TEST(!moved({"cat", "dog", "cow"}));
  BOOST_TEST(!moved({"cat", "hound"}));
  const label_map shown({{1, "/m/01", "cat"}, {2, "/m/02", "dog"}});
  BOOST_TEST(!odt::labels_moved(pets, shown));
}

BOOST_AUTO_TEST_SUITE_END()
