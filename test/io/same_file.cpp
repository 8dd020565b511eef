// SPDX-License-Identifier: MIT
#include <odt/io/same_file.hpp>

#include <odt/io/file.hpp>

#include <boost/test/unit_test.hpp>
#include <scratch.hpp>

#include <filesystem>
#include <vector>

BOOST_AUTO_TEST_SUITE(same_file)

BOOST_AUTO_TEST_CASE(an_input_is_known_by_any_name) {
  const odt::test::scratch_directory at;
  odt::write_file(at / "a", "");
  odt::write_file(at / "b", "");
  std::filesystem::create_symlink("a", at / "link");
  std::filesystem::create_hard_link(at / "a", at / "other");
  const std::vector<std::string> inputs = {at / "none", at / "a"};
  for (const std::string& name : {at / "a", at / "./a", at / "link", at / "other"})
    odt::test::check_error(
        [&] {
          const std::vector<std::string> outputs = {at / "b", name};
          odt::refuse_to_replace(inputs, outputs, "choose another");
        },
        {name, "was given and would be written over; choose another"});
  const std::vector<std::string> outputs = {at / "b", at / "none", at / "new"};
  odt::refuse_to_replace(inputs, outputs, "");
}

BOOST_AUTO_TEST_SUITE_END()
