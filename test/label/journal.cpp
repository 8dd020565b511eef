// SPDX-License-Identifier: MIT
#include <odt/label/journal.hpp>

#include <odt/core/log.hpp>
#include <odt/io/file.hpp>

#include <scratch.hpp>

#include <string>

using odt::labelling::journal;
using odt::labelling::journal_entry;
using odt::labelling::photo_state;

namespace {

journal_entry entry(const std::string& id, std::int64_t revision, photo_state state = photo_state::accepted) {
  return {.id = id,
          .photo = "photo " + id,
          .revision = revision,
          .state = state,
          .by = "Änne",
          .time = 12.5,
          .before = "aa",
          .after = "bb",
          .text = "<annotation/>\n",
          .boxes = 2,
          .work = {.seconds = 1.5, .drawn = 2, .adjusted = 1, .accepted = 3, .removed = 4, .actions = 9}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(journal_tests)

BOOST_AUTO_TEST_CASE(remembers_the_last_decision_about_each_photo) {
  const odt::test::scratch_directory folder;
  {
    journal j(folder / "notes/journal.jsonl");
    BOOST_TEST(j.last().empty());
    j.append(entry("1", 1));
    j.append(entry("2", 1, photo_state::rejected));
    j.append(entry("1", 2, photo_state::flagged));
  }
  const journal j(folder / "notes/journal.jsonl");
  BOOST_REQUIRE(j.last().size() == 2u);
  const journal_entry& last = j.last().at("1");
  BOOST_TEST(last.revision == 2);
  BOOST_TEST((last.state == photo_state::flagged));
  BOOST_TEST(last.by == "Änne");
  BOOST_TEST(last.text == "<annotation/>\n");
  BOOST_TEST(j.total().drawn == 6);
  BOOST_TEST(j.total().seconds == 4.5);
}

BOOST_AUTO_TEST_CASE(a_line_that_was_cut_is_taken_away) {
  const odt::test::scratch_directory folder;
  const std::string path = folder / "journal.jsonl";
  { journal(path).append(entry("1", 1)); }
  const std::string whole = odt::read_file(path);
  for (std::size_t cut = 1; cut < whole.size(); cut += 7) {
    odt::write_file(path, whole + whole.substr(0, cut));
    {
      journal j(path);
      BOOST_TEST(j.last().size() == 1u);
      j.append(entry("2", 1));
    }
    BOOST_TEST(journal(path).last().size() == 2u);
    BOOST_TEST(odt::read_file(path).starts_with(whole + "{"));
  }
}

BOOST_AUTO_TEST_CASE(a_line_that_is_none_is_passed_over_with_a_warning) {
  const odt::test::scratch_directory folder;
  const std::string path = folder / "journal.jsonl";
  { journal(path).append(entry("1", 1)); }
  const std::string line = odt::read_file(path);
  odt::write_file(path, "rubbish\n{\"id\":\"7\",\"revision\":1,\"state\":\"happy\"}\n[]\n" + line);
  std::string said;
  odt::set_log_sink([&](odt::log_level, std::string_view text) { said += text; });
  BOOST_TEST(journal(path).last().size() == 1u);
  odt::set_log_sink({});
  BOOST_TEST(said.find("journal.jsonl:1: ") != std::string::npos);
  BOOST_TEST(said.find("journal.jsonl:2: ") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
