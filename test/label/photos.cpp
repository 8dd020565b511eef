// SPDX-License-Identifier: MIT
#include <odt/label/photos.hpp>

#include <label/photo_folder.hpp>

#include <filesystem>

using odt::labelling::photo_index;
using odt::test::check_error;
using odt::test::photo_folder;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> names_of(const photo_index& index) {
  std::vector<std::string> names;
  for (const auto& p : index.all()) names.push_back(p.name);
  return names;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(photos)

BOOST_AUTO_TEST_CASE(come_in_the_order_that_people_expect) {
  const photo_folder folder;
  for (const char* name : {"10.jpg", "2.jpg", "a b/ü 1.JPG", "002.png", "notes.txt", ".hidden.jpg"})
    folder.add_labels(name, "x");
  const photo_index index(folder.path(""), "");
  BOOST_TEST(names_of(index) == (std::vector<std::string>{"2.jpg", "002.png", "10.jpg", "a b/ü 1.JPG"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(numbers_in_names_count_as_numbers) {
  using odt::labelling::before_naturally;
  BOOST_TEST(before_naturally("a2", "a10"));
  BOOST_TEST(!before_naturally("a10", "a2"));
  BOOST_TEST(before_naturally("a", "a1"));
  BOOST_TEST(before_naturally("img_9_b", "img_10_a"));
  BOOST_TEST(before_naturally("02", "2"));
  BOOST_TEST(!before_naturally("2", "2"));
  BOOST_TEST(before_naturally("99999999999999999999998", "99999999999999999999999"));
}

BOOST_AUTO_TEST_CASE(ids_follow_from_names_and_say_nothing_of_paths) {
  const photo_folder one, two;
  for (const photo_folder* folder : {&one, &two}) folder->add("sub/a.jpg"), folder->add("b.jpg");
  const photo_index first(one.path(""), ""), second(two.path(""), two.path("labels"));
  BOOST_REQUIRE(first.size() == 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    BOOST_TEST(first[i].id == second[i].id);
    BOOST_TEST(first[i].id.find_first_not_of("0123456789abcdef") == std::string::npos);
    BOOST_TEST((first.find(first[i].id) == i));
  }
  BOOST_TEST(!first.find("../../etc/passwd"));
  BOOST_TEST(!first.find("b.jpg"));
}

BOOST_AUTO_TEST_CASE(labels_lie_beside_the_photo_or_where_they_are_wanted) {
  const photo_folder folder;
  folder.add("sub/a.b.jpg");
  folder.add("a.jpg");
  const photo_index beside(folder.path(""), ""), apart(folder.path(""), folder.path("labels"));
  const std::string root = fs::canonical(folder.path("")).string();
  BOOST_TEST(beside[0].labels == root + "/a.xml");
  BOOST_TEST(beside[1].labels == root + "/sub/a.b.xml");
  BOOST_TEST(apart[0].labels == folder.path("labels/a.xml"));
  BOOST_TEST(apart[1].labels == folder.path("labels/sub/a.b.xml"));
}

BOOST_AUTO_TEST_CASE(photos_that_differ_in_the_ending_alone_have_files_of_their_own) {
  const photo_folder folder;
  folder.add("a.jpg");
  folder.add("a.jpeg");
  const photo_index index(folder.path(""), folder.path("labels"));
  BOOST_TEST(index[0].labels == folder.path("labels/a.xml"));
  BOOST_TEST(index[1].labels == folder.path("labels/a.jpg.xml"));
}

BOOST_AUTO_TEST_CASE(links_that_lead_out_of_the_folder_are_left_out) {
  const photo_folder folder, elsewhere;
  folder.add("a.jpg");
  folder.add("sub/b.jpg");
  elsewhere.add("secret.jpg");
  elsewhere.add("more/secret.jpg");
  fs::create_symlink(elsewhere.path("secret.jpg"), folder.path("c.jpg"));
  fs::create_directory_symlink(elsewhere.path("more"), folder.path("d"));
  fs::create_symlink(folder.path("sub/b.jpg"), folder.path("e.jpg"));
  const photo_index index(folder.path(""), "");
  BOOST_TEST(names_of(index) == (std::vector<std::string>{"a.jpg", "e.jpg", "sub/b.jpg"}),
             boost::test_tools::per_element());
  BOOST_TEST(index.left_out().size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_list_names_photos_from_its_own_folder_on) {
  const photo_folder folder, elsewhere;
  folder.add("x/a.jpg");
  elsewhere.add("b.jpg");
  odt::write_file(folder.path("list.txt"), "x/a.jpg\r\n\n" + elsewhere.path("b.jpg") + "\nx/a.jpg\n");
  const photo_index index(folder.path("list.txt"), "");
  BOOST_REQUIRE(index.size() == 2u);
  BOOST_TEST(index.left_out().size() == 1u);
  BOOST_TEST(index.notes() == folder.path(".odt-label"));
  odt::write_file(folder.path("list.txt"), "x/a.jpg\nx/a.txt\n");
  check_error([&] { photo_index(folder.path("list.txt"), ""); }, {"list.txt:2", "a.txt", ".jpg"});
}

BOOST_AUTO_TEST_CASE(what_cannot_be_labelled_is_told) {
  const photo_folder folder;
  check_error([&] { photo_index(folder.path(""), ""); }, {"there are no photos"});
  check_error([&] { photo_index(folder.path("missing"), ""); }, {"missing", "no such folder"});
  check_error([&] { photo_index("gs://bucket/photos", ""); }, {"--annotations"});
  check_error([&] { photo_index(folder.path(""), "s3://bucket"); }, {"--annotations", "on this machine"});
}

BOOST_AUTO_TEST_SUITE_END()
