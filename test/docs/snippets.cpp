// SPDX-License-Identifier: MIT
// Code in README.md and docs/ that names its file, `<!-- path -->` above the block, stands so in that file.
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct snippet {
  fs::path page;
  std::string file, code;
};

std::string read(const fs::path& path) {
  std::ifstream file(path);
  BOOST_REQUIRE_MESSAGE(file, path << " cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<snippet> snippets_of(const fs::path& page) {
  static const std::regex head("<!-- (\\S+) -->\n```\\w+\n");
  const std::string text = read(page);
  std::vector<snippet> found;
  for (std::sregex_iterator i(text.begin(), text.end(), head), end; i != end; ++i) {
    const auto from = static_cast<std::size_t>(i->position() + i->length());
    found.push_back({page, i->str(1), text.substr(from, text.find("\n```", from) + 1 - from)});
  }
  return found;
}

const fs::path root = ODT_SOURCE_DIR;

}  // namespace

BOOST_AUTO_TEST_SUITE(snippets_tests)

BOOST_AUTO_TEST_CASE(code_in_the_docs_stands_in_the_files_that_it_names) {
  std::vector<fs::path> pages{root / "README.md"};
  for (const auto& entry : fs::directory_iterator(root / "docs"))
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  int count = 0;
  for (const fs::path& page : pages)
    for (const snippet& s : snippets_of(page)) {
      ++count;
      BOOST_TEST(read(root / s.file).find(s.code) != std::string::npos, s.page << ": the block of " << s.file
                                                                               << " is not in that file:\n"
                                                                               << s.code);
    }
  BOOST_TEST(count >= 3);
}

BOOST_AUTO_TEST_CASE(the_policy_is_quoted_whole) {
  for (const snippet& s : snippets_of(root / "docs" / "writing_a_policy.md"))
    if (s.file.ends_with(".hpp")) {
      BOOST_TEST(s.code == read(root / s.file));
      return;
    }
  BOOST_FAIL("docs/writing_a_policy.md quotes no header");
}

BOOST_AUTO_TEST_SUITE_END()
