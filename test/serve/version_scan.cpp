// SPDX-License-Identifier: MIT
#include <odt/serve/version_scan.hpp>

#include <scratch.hpp>
#include <serve/stub.hpp>

#include <filesystem>

using odt::serve::scan_versions;
using odt::serve::version_number;

BOOST_AUTO_TEST_SUITE(version_scan_tests)

BOOST_AUTO_TEST_CASE(names_that_are_numbers) {
  BOOST_TEST(*version_number("1") == 1);
  BOOST_TEST(*version_number("00000123") == 123);
  BOOST_TEST(*version_number("0") == 0);
  BOOST_TEST(*version_number("9223372036854775807") == 9223372036854775807);
  for (const char* name : {"", "a", "-1", "+1", "1a", " 1", "1 ", "0x1", "1.0", "9223372036854775808"})
    BOOST_TEST(!version_number(name), name);
}

BOOST_AUTO_TEST_CASE(exports) {
  const odt::test::scratch_directory at;
  for (const char* name : {"2", "00000010", "temp", "making-3", "-4"}) odt::test::write_export(at / name);
  odt::write_file(at / "7", "a file");
  const auto found = scan_versions(at.path());
  BOOST_REQUIRE(found.size() == 2u);
  BOOST_TEST(found[0].version == 2);
  BOOST_TEST(found[1].version == 10);
  BOOST_TEST(found[1].checkpoint == at / "00000010");
  BOOST_TEST(found[1].missing == "");
}

BOOST_AUTO_TEST_CASE(halves_of_exports) {
  const odt::test::scratch_directory at;
  odt::test::write_export(at / "1");
  const auto whole = scan_versions(at.path()).at(0);
  for (const char* file : {"pipeline.config", "model.ckpt.index", "model.ckpt.data-00000-of-00001"}) {
    std::filesystem::rename(at / (std::string("1/") + file), at / "aside");
    const auto half = scan_versions(at.path()).at(0);
    BOOST_TEST(half.missing != "", file);
    BOOST_TEST(half.fingerprint != whole.fingerprint);
    std::filesystem::rename(at / "aside", at / (std::string("1/") + file));
  }
  odt::write_file(at / "1/pipeline.config", "longer " + std::string(100, ' '));
  BOOST_TEST(scan_versions(at.path()).at(0).fingerprint != whole.fingerprint);
  std::filesystem::create_directory(at / "3");
  BOOST_TEST(scan_versions(at.path()).at(1).missing == "pipeline.config");
}

BOOST_AUTO_TEST_CASE(checkpoints_of_a_model_dir) {
  const odt::test::scratch_directory at;
  for (const int step : {5, 100, 20}) {
    odt::checkpoint_writer writer(at / odt::str("model.ckpt-", step));
    writer.add<std::int64_t>("global_step", std::int64_t{step});
    writer.commit();
  }
  odt::write_file(at / "model.ckpt-200.data-00000-of-00001", "its index is missing");
  const auto found = scan_versions(at.path());
  BOOST_REQUIRE(found.size() == 3u);
  BOOST_TEST(found[2].version == 100);
  BOOST_TEST(found[2].checkpoint == at / "model.ckpt-100");
}

BOOST_AUTO_TEST_CASE(nothing_there) {
  const odt::test::scratch_directory at;
  BOOST_TEST(scan_versions(at.path()).empty());
  odt::test::check_error([&] { scan_versions(at / "none"); }, {"none", "No such file"});
}

BOOST_AUTO_TEST_SUITE_END()
