// SPDX-License-Identifier: MIT
#include <odt/dataset/label_folders.hpp>

#include <odt/io/file.hpp>

#include <boost/test/unit_test.hpp>
#include <scratch.hpp>

#include <filesystem>

using namespace odt;
using odt::test::check_error;

namespace {

struct tree {
  odt::test::scratch_directory at;

  explicit tree(std::initializer_list<const char*> names) {
    for (const std::string name : names) {
      const std::string path = at / name;
      make_directories(path.substr(0, path.rfind('/')));
      write_file(path, "");
    }
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(label_folders_tests)

BOOST_AUTO_TEST_CASE(folders_that_hold_what_is_looked_for_are_taken_as_they_are) {
  const tree t{"photos/a.jpg", "photos/a.xml", "ann/a.xml"};
  const label_folders one = find_label_folders(t.at / "photos", "");
  BOOST_TEST((one.images == t.at / "photos" && one.annotations == t.at / "photos" && one.guesses.empty()));
  const label_folders two = find_label_folders(t.at / "photos", t.at / "ann");
  BOOST_TEST((two.images == t.at / "photos" && two.annotations == t.at / "ann" && two.unread.empty()));
}

BOOST_AUTO_TEST_CASE(the_only_folders_below_are_found_and_said) {
  const tree t{"photos/images/a.jpg", "photos/annots/a.XML", "photos/notes.txt"};
  for (const label_folders& found :
       {find_label_folders(t.at / "photos", ""), find_label_folders("", t.at / "photos")}) {
    BOOST_TEST((found.images == t.at / "photos/images" && found.annotations == t.at / "photos/annots"));
    BOOST_REQUIRE(found.guesses.size() == 2u);
    BOOST_TEST(found.guesses[0].find("photos/annots") != std::string::npos);
    BOOST_TEST(found.guesses[1].find("photos/images") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(where_there_are_several_ways_the_error_names_them) {
  const tree t{"train/a.jpg", "train/a.xml", "valid/b.jpg", "valid/b.xml"};
  check_error([&] { find_label_folders(t.at.path(), ""); },
              {"no .xml files here, but in ", "/train, ", "/valid", "--annotations", "--set"});
  const tree pictures{"VOC/Annotations/a.xml", "VOC/JPEGImages/a.jpg", "VOC/Masks/a.png"};
  check_error([&] { find_label_folders(pictures.at.path(), ""); },
              {"no pictures here, but in ", "JPEGImages", "Masks", "--images"});
}

BOOST_AUTO_TEST_CASE(what_lies_there_instead_is_named) {
  const tree beside{"images/a.jpg", "annotations/a.xml"};
  check_error([&] { find_label_folders(beside.at / "images", ""); },
              {"images: no .xml files here; there are some in ", "annotations: give one as --annotations"});
  const tree yolo{"x/a.jpg", "x/a.txt"};
  check_error([&] { find_label_folders(yolo.at / "x", ""); }, {"no .xml files here", "YOLO"});
  const tree coco{"x/a.jpg", "x/instances.json"};
  check_error([&] { find_label_folders(coco.at / "x", ""); }, {"no .xml files here", "COCO"});
  const tree table{"x/a.jpg", "x/labels.csv"};
  check_error([&] { find_label_folders(table.at / "x", ""); }, {"no .xml files here", "odt convert csv"});
  check_error([&] { find_label_folders(table.at / "none", ""); }, {"none: there is no such directory"});
}

BOOST_AUTO_TEST_CASE(xml_in_further_folders_is_said_to_be_unread) {
  const tree t{"photos/a.jpg", "photos/a.xml", "photos/more/b.xml", "photos/more/c.xml"};
  const label_folders found = find_label_folders(t.at / "photos", "");
  BOOST_REQUIRE(found.unread.size() == 1u);
  BOOST_TEST(found.unread[0] == (t.at / "photos/more") + ": 2 .xml files");
}

BOOST_AUTO_TEST_CASE(folders_may_be_links) {
  const tree t{"data/a.jpg", "data/a.xml", "voc/notes.txt"};
  std::filesystem::create_directory_symlink("../data", t.at / "voc/images");
  label_folders found = find_label_folders(t.at / "voc", "");
  BOOST_TEST((found.images == t.at / "voc/images" && found.annotations == t.at / "voc/images"));
  BOOST_TEST(found.unread.empty());
  std::filesystem::create_directory_symlink(".", t.at / "data/loop");
  found = find_label_folders(t.at / "voc", "");
  BOOST_TEST(found.images == t.at / "voc/images");
  BOOST_REQUIRE(found.unread.size() == 1u);
  BOOST_TEST(found.unread[0].find("voc/images/loop: leads to ") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
