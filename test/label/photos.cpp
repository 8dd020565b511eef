// SPDX-License-Identifier: MIT
#include <odt/label/photos.hpp>

#include <odt/core/error.hpp>
#include <odt/io/file_system.hpp>

#include <label/photo_folder.hpp>

#include <filesystem>
#include <memory>
#include <optional>

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

/// An object store, "toy://bucket/name", that is a folder of this machine.
class toy_store : public odt::file_system {
 public:
  explicit toy_store(std::string folder) : folder_(std::move(folder)) {}

  std::unique_ptr<odt::open_file> open(const std::string& path) override {
    return odt::local_files().open(local(path));
  }
  std::unique_ptr<odt::unfinished_file> create(const std::string& path) override { odt::fail(path, ": is read only"); }
  std::optional<odt::file_status> status(const std::string& path) override {
    return odt::local_files().status(local(path));
  }
  std::vector<std::string> matching(const std::string& pattern) override {
    std::vector<std::string> found = odt::local_files().matching(local(pattern));
    for (std::string& path : found) path = "toy://bucket/" + path.substr(folder_.size());
    return found;
  }
  void make_directories(const std::string& path) override { odt::fail(path, ": is read only"); }
  void remove(const std::string& path) override { odt::fail(path, ": is read only"); }

 private:
  std::string local(const std::string& path) const {
    return folder_ + path.substr(std::string("toy://bucket/").size());
  }

  std::string folder_;
};

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

BOOST_AUTO_TEST_CASE(an_object_store_has_photos_and_this_machine_their_labels) {
  const photo_folder folder;
  folder.add("photos/b 2.jpg");
  folder.add("photos/a.jpg");
  folder.add_labels("photos/notes.txt", "x");
  odt::register_file_system("toy", std::make_shared<toy_store>(folder.path("")));
  check_error([&] { photo_index("toy://bucket/photos", ""); }, {"--annotations"});
  const photo_index index("toy://bucket/photos", folder.path("labels"));
  BOOST_TEST(names_of(index) == (std::vector<std::string>{"a.jpg", "b 2.jpg"}), boost::test_tools::per_element());
  odt::labelling::annotation_store store(index, {});
  store.save(1, {.revision = 0,
                 .state = odt::labelling::photo_state::accepted,
                 .objects = {odt::test::box("cat", {5, 6, 30, 40})},
                 .by = ""});
  const std::string text = odt::read_file(folder.path("labels/b 2.xml"));
  BOOST_TEST(text.find("<path>toy://bucket/photos/b 2.jpg</path>") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_labelled_is_told) {
  const photo_folder folder;
  check_error([&] { photo_index(folder.path(""), ""); }, {"there are no photos"});
  check_error([&] { photo_index(folder.path("missing"), ""); }, {"missing", "no such folder"});
  check_error([&] { photo_index("gs://bucket/photos", ""); }, {"--annotations"});
  check_error([&] { photo_index(folder.path(""), "s3://bucket"); }, {"--annotations", "on this machine"});
}

BOOST_AUTO_TEST_SUITE_END()
