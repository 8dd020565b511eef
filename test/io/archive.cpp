// SPDX-License-Identifier: MIT
#include <odt/io/archive.hpp>
#include <odt/io/file.hpp>

#include <io/archive_samples.hpp>
#include <scratch.hpp>

namespace {

using odt::test::check_error;
using odt::test::gzip;
using odt::test::scratch_directory;
using odt::test::tar;
using odt::test::tar_member;

std::string content(const odt::archive_member& member) {
  std::string text(member.content.size(), '\0');
  member.content.read_at(0, text);
  return text;
}

bool all(std::string_view) { return true; }

}  // namespace

BOOST_AUTO_TEST_SUITE(archive_tests)

BOOST_AUTO_TEST_CASE(files_are_taken_out_plain_and_compressed) {
  const scratch_directory scratch;
  const std::string large(700000, 'x');
  const std::string archive = tar({{"zoo/", ""}, {"zoo/a", "first"}, {"zoo/b", large}, {"zoo/empty", ""}});
  odt::write_file(scratch / "plain.tar", archive);
  odt::write_file(scratch / "zoo.tar.gz", gzip(archive));
  for (const char* name : {"plain.tar", "zoo.tar.gz"}) {
    BOOST_TEST(odt::is_archive(scratch / name));
    const auto members = odt::extract(scratch / name, all);
    BOOST_TEST_REQUIRE(members.size() == 3u);
    BOOST_TEST(members[0].name == "zoo/a");
    BOOST_TEST(content(members[0]) == "first");
    BOOST_TEST(content(members[1]) == large);
    BOOST_TEST(content(members[2]).empty());
    BOOST_TEST(members[0].content.path() == scratch / name + ": zoo/a");
    BOOST_TEST(odt::extract(scratch / name, [](std::string_view n) { return n == "zoo/b"; }).size() == 1u);
  }
  BOOST_TEST(scratch.entries() == 2u);
}

BOOST_AUTO_TEST_CASE(names_too_long_for_a_header_stand_elsewhere) {
  const scratch_directory scratch;
  const std::string longest(150, 'n');
  odt::write_file(scratch / "a.tar", tar_member("././@LongLink", longest + '\0', 'L') + tar_member("cut", "gnu") +
                                         tar_member("pax",
                                                    "20 mtime=1234567890\n161 path=" + longest +
                                                        "x\n11 "
                                                        "size=12\n",
                                                    'x') +
                                         tar_member("cut", "pax") + tar_member("file", "ustar", '0', "some/folder"));
  const auto members = odt::extract(scratch / "a.tar", all);
  BOOST_TEST_REQUIRE(members.size() == 3u);
  BOOST_TEST(members[0].name == longest);
  BOOST_TEST(content(members[0]) == "gnu");
  BOOST_TEST(members[1].name == longest + "x");
  BOOST_TEST(members[2].name == "some/folder/file");
}

BOOST_AUTO_TEST_CASE(damage_names_the_archive_and_the_file_within) {
  const scratch_directory scratch;
  const std::string archive = tar({{"zoo/a", std::string(2000, 'a')}, {"zoo/b", "b"}});
  odt::write_file(scratch / "cut.tar", archive.substr(0, 1500));
  check_error([&] { odt::extract(scratch / "cut.tar", all); }, {scratch / "cut.tar: zoo/a", "cut short", "2000 bytes"});
  odt::write_file(scratch / "cut.tar", archive.substr(0, 2560 + 100));
  check_error([&] { odt::extract(scratch / "cut.tar", all); }, {scratch / "cut.tar", "within a header"});
  std::string damaged = archive;
  damaged[2560 + 3] = 'z';
  odt::write_file(scratch / "damaged.tar", damaged);
  check_error([&] { odt::extract(scratch / "damaged.tar", all); }, {scratch / "damaged.tar", "at byte 2560"});
  odt::write_file(scratch / "cut.tar.gz", gzip(archive).substr(0, 1500));
  check_error([&] { odt::extract(scratch / "cut.tar.gz", all); }, {scratch / "cut.tar.gz", "cut short"});
}

BOOST_AUTO_TEST_CASE(other_files_are_no_archives) {
  const scratch_directory scratch;
  odt::write_file(scratch / "empty", "");
  odt::write_file(scratch / "zeros", std::string(2048, '\0'));
  odt::write_file(scratch / "text", std::string(2048, 'a'));
  odt::write_file(scratch / "text.gz", gzip(std::string(2048, 'a')));
  for (const char* name : {"empty", "zeros", "text", "text.gz"}) BOOST_TEST(!odt::is_archive(scratch / name));
}

BOOST_AUTO_TEST_SUITE_END()
