// SPDX-License-Identifier: MIT
#include <odt/dataset/picture_folder.hpp>

#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>

#include <boost/test/unit_test.hpp>
#include <scratch.hpp>

#include <algorithm>
#include <filesystem>

using namespace odt;
using odt::test::check_error;

namespace {

/// A folder with empty files of these names.
struct pictures {
  odt::test::scratch_directory at;

  explicit pictures(std::initializer_list<const char*> names) {
    for (const std::string name : names) {
      const std::string path = at / name;
      make_directories(path.substr(0, path.rfind('/')));
      write_file(path, "");
    }
  }

  std::string in_folder(const std::string& path) const { return path.substr(at.path().size() + 1); }

  found_picture xml(const std::string& own, const std::string& named) const {
    annotation labels{"ann/" + own, named, {}, {}, {}};
    labels.place = labels.path + ":3";
    return picture_folder(at.path()).of_xml(labels);
  }

  found_picture row(const std::string& folder, const std::string& name, bool folder_counts = true,
                    const std::string& below = "") const {
    annotation labels{"t.csv", name, {}, {}, {}};
    labels.folder = folder;
    labels.place = "t.csv:2";
    return picture_folder(below.empty() ? at.path() : at / below).of_row(labels, folder_counts);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(picture_folder_tests)

BOOST_AUTO_TEST_CASE(an_xml_file_belongs_to_the_picture_of_its_own_name) {
  const pictures p{"img_1.jpg", "img_2.jpg"};
  const found_picture plain = p.xml("img_1.xml", "img_1.jpg");
  BOOST_TEST((p.in_folder(plain.path) == "img_1.jpg" && plain.guess.empty() && plain.rank == 0));
  const found_picture stale = p.xml("img_1.xml", "img_2.jpg");
  BOOST_TEST(p.in_folder(stale.path) == "img_1.jpg");
  BOOST_TEST(stale.guess.find("ann/img_1.xml:3: <filename> says \"img_2.jpg\", which is there too") == 0u, stale.guess);
  const found_picture gone = p.xml("img_1.xml", "DSC_77.jpg");
  BOOST_TEST(p.in_folder(gone.path) == "img_1.jpg");
  BOOST_TEST(gone.guess.find("says \"DSC_77.jpg\"; the labels were taken for") != std::string::npos, gone.guess);
  for (const char* const harmless : {"", "img_1", "img_1.png", "img_1.JPG"})
    BOOST_TEST(p.xml("img_1.xml", harmless).guess.empty(), harmless);
}

BOOST_AUTO_TEST_CASE(without_a_picture_of_its_own_name_its_filename_counts) {
  const pictures p{"photo.jpg", "b.png"};
  BOOST_TEST(p.in_folder(p.xml("0001.xml", "photo.jpg").path) == "photo.jpg");
  BOOST_TEST(p.xml("0001.xml", "photo.jpg").guess.empty());
  BOOST_TEST(p.xml("0001.xml", "photo.jpg").rank > p.xml("photo.xml", "photo.jpg").rank);
  const found_picture other = p.xml("0001.xml", "b.jpg");
  BOOST_TEST(p.in_folder(other.path) == "b.png");
  BOOST_TEST(other.guess.find("differs in the ending") != std::string::npos, other.guess);
  check_error([&] { p.xml("0001.xml", "c.jpg"); }, {"ann/0001.xml:3: there is no picture \"c.jpg\" in "});
  BOOST_TEST(p.in_folder(p.xml("PHOTO.xml", "").path) == "photo.jpg");
  BOOST_TEST(p.xml("PHOTO.xml", "").guess.find("upper and lower case") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(two_pictures_for_one_claim_are_named) {
  const pictures p{"a.jpg", "a.png"};
  BOOST_TEST(p.in_folder(p.xml("a.xml", "a.png").path) == "a.png");
  check_error([&] { p.xml("a.xml", ""); }, {"\"a.jpg\" and \"a.png\""});
  check_error([&] { p.row("", "a"); }, {"t.csv:2: \"a\" may be \"a.jpg\" and \"a.png\""});
  const pictures cases{"ab.jpg", "AB.jpg"};
  BOOST_TEST(cases.in_folder(cases.row("", "AB.jpg").path) == "AB.jpg");
  check_error([&] { cases.row("", "aB.jpg"); }, {"\"AB.jpg\" and \"ab.jpg\""});
}

BOOST_AUTO_TEST_CASE(a_dot_in_a_name_is_no_ending) {
  const pictures p{"frame.jpg", "frame.0001.jpg"};
  BOOST_TEST(p.in_folder(p.row("", "frame.0001").path) == "frame.0001.jpg");
  BOOST_TEST(p.row("", "frame.0001").guess.empty());
  check_error([&] { p.row("", "frame.0002"); }, {"there is no picture \"frame.0002\""});
}

BOOST_AUTO_TEST_CASE(names_that_are_nearly_equal_are_found_and_said) {
  const pictures p{"cafe\u0301.jpg", "img_1.jpg", "my photo.jpg", "\u1100\u1161.jpg"};
  struct pair {
    const char *written, *there, *said;
  };
  const pair pairs[] = {{"caf\u00E9.jpg", "cafe\u0301.jpg", "how accents are stored"},
                        {"IMG_1.JPG", "img_1.jpg", "upper and lower case"},
                        {"IMG_1", "img_1.jpg", "upper and lower case"},
                        {"my\u00A0photo.jpg", "my photo.jpg", "spaces or invisible characters"},
                        {"my%20photo.jpg", "my photo.jpg", "\"%\" codes"},
                        {"\uAC00.jpg", "\u1100\u1161.jpg", "how accents are stored"}};
  for (const auto& [written, there, said] : pairs) {
    const found_picture found = p.row("", written);
    BOOST_TEST(p.in_folder(found.path) == there);
    BOOST_TEST(found.guess.find(said) != std::string::npos, found.guess);
    BOOST_TEST(found.rank > 1);
  }
  check_error([&] { p.row("", "cafe.jpg"); }, {"no picture \"cafe.jpg\""});
}

BOOST_AUTO_TEST_CASE(folders_tell_pictures_of_one_name_apart) {
  const pictures p{"train/a.jpg", "test/a.jpg", "train/b.jpg"};
  BOOST_TEST(p.in_folder(p.row("train", "a.jpg").path) == "train/a.jpg");
  BOOST_TEST(p.in_folder(p.row("/home/me/photos/test", "a.jpg").path) == "test/a.jpg");
  BOOST_TEST(p.in_folder(p.row("C:/photos/test", "a").path) == "test/a.jpg");
  check_error([&] { p.row("", "a.jpg"); }, {"no picture \"a.jpg\"", "/test/a.jpg\" and \"", "/train/a.jpg\""});
  check_error([&] { p.row("valid", "a.jpg"); }, {"no picture \"valid/a.jpg\""});
  // Where the folder itself is the last one of the row's
  BOOST_TEST(p.in_folder(p.row("train", "a.jpg", true, "train").path) == "train/a.jpg");
  BOOST_TEST(p.in_folder(p.row("/data/train", "a.jpg", true, "train").path) == "train/a.jpg");
  check_error([&] { p.row("test", "a.jpg", true, "train"); }, {"no picture \"test/a.jpg\"", "is not taken for it"});
  BOOST_TEST(p.in_folder(p.row("elsewhere", "b.jpg", false, "train").path) == "train/b.jpg");
}

BOOST_AUTO_TEST_CASE(unused_pictures_are_those_of_the_folders_in_use) {
  const pictures p{"a.jpg", "b.jpg", "more/c.jpg", "more/d.jpg", ".hidden/e.jpg", "._a.jpg", "notes.txt"};
  const picture_folder folder(p.at.path());
  BOOST_TEST(folder.unused({}) == 2u);
  BOOST_TEST(folder.unused({p.at / "a.jpg"}) == 1u);
  BOOST_TEST(folder.unused({p.at / "more/c.jpg"}) == 3u);
}

BOOST_AUTO_TEST_CASE(links_to_folders_are_folders) {
  const pictures p{"data/deep/a.jpg", "data/b.jpg", "top/c.jpg"};
  std::filesystem::create_directory_symlink("../data", p.at / "top/linked");
  const std::string top = p.at / "top";
  BOOST_TEST(p.in_folder(p.row("linked/deep", "a.jpg", true, "top").path) == "top/linked/deep/a.jpg");
  BOOST_TEST(p.in_folder(p.row("linked", "b.jpg", true, "top").path) == "top/linked/b.jpg");
  std::vector<std::string> not_entered;
  BOOST_TEST(detail::folders_with(top, picture_endings, &not_entered) ==
             (std::vector<std::string>{top, top + "/linked", top + "/linked/deep"}));
  BOOST_TEST(not_entered.empty());
}

BOOST_AUTO_TEST_CASE(folders_are_read_once_and_what_is_not_entered_is_said) {
  const pictures p{"top/one/a.jpg", "top/b.jpg", "top/1/2/3/4/5/6/7/8/deep.jpg", "top/1/2/3/4/5/6/7/8/9/deeper.jpg"};
  const std::string top = p.at / "top";
  std::filesystem::create_directory_symlink("..", top + "/one/loop");
  std::filesystem::create_directory_symlink("../..", top + "/one/outside");
  std::filesystem::create_directory_symlink("one", top + "/again");
  std::filesystem::create_directory_symlink("self", top + "/self");
  std::vector<std::string> not_entered;
  BOOST_TEST(detail::folders_with(top, picture_endings, &not_entered) ==
             (std::vector<std::string>{top, top + "/1/2/3/4/5/6/7/8", top + "/one"}));
  std::ranges::sort(not_entered);
  BOOST_REQUIRE(not_entered.size() == 4u);
  BOOST_TEST(not_entered[0] == top + "/1/2/3/4/5/6/7/8/9: more than 8 folders deep; not looked into");
  BOOST_TEST(not_entered[1].find("/top/again: leads to ") != std::string::npos);
  BOOST_TEST(not_entered[2].find("/top/one/loop: leads to ") != std::string::npos);
  BOOST_TEST(not_entered[3].find("/top/one/outside/top: leads to ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(namesakes_in_other_folders_are_named) {
  const pictures p{"test/a.jpg", "val/a.jpg", "val/b.jpg"};
  check_error([&] { p.row("train", "a.jpg"); },
              {"there is no picture \"train/a.jpg\"", "not taken for it: ", "test/a.jpg\" and \"", "val/a.jpg\""});
}

BOOST_AUTO_TEST_SUITE_END()
