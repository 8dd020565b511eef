// SPDX-License-Identifier: MIT
#include <odt/core/log.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_writer.hpp>

#include <scratch.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

namespace {

using odt::test::check_error;
using odt::test::scratch_directory;

/// Writes beyond this size fail, as they do on a full disk.
class size_limit {
 public:
  explicit size_limit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~size_limit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

std::vector<std::string> warnings_of(const auto& act) {
  std::vector<std::string> messages;
  odt::set_log_sink([&](odt::log_level, std::string_view message) { messages.emplace_back(message); });
  act();
  odt::set_log_sink({});
  return messages;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(file_tests)

BOOST_AUTO_TEST_CASE(what_was_written_is_read_back) {
  const scratch_directory scratch;
  const std::string content("line\n\0binary", 12);
  odt::write_file(scratch / "a", content);
  BOOST_CHECK(odt::read_file(scratch / "a") == content);
  BOOST_CHECK_EQUAL(odt::file_size(scratch / "a"), 12u);
  odt::write_file(scratch / "a", "");
  BOOST_CHECK_EQUAL(odt::read_file(scratch / "a"), "");
}

BOOST_AUTO_TEST_CASE(errors_name_the_path_and_the_reason) {
  const scratch_directory scratch;
  check_error([&] { odt::read_file(scratch / "none"); }, {scratch / "none", "No such file"});
  check_error([&] { odt::read_file(scratch.path()); }, {scratch.path(), "directory"});
  check_error([&] { odt::write_file(scratch / "no/such/a", "x"); }, {scratch / "no/such/a", "No such file"});
  check_error([&] { odt::write_file("/proc/a", "x"); }, {"/proc/a", "cannot write"});
  odt::write_file(scratch / "a", "x");
  check_error([&] { odt::make_directories(scratch / "a/b"); }, {scratch / "a/b"});
  check_error([&] { odt::make_directories(scratch / "a"); }, {scratch / "a", "directory"});
}

BOOST_AUTO_TEST_CASE(a_file_appears_only_when_it_is_whole) {
  const scratch_directory scratch;
  odt::write_file(scratch / "a", "old");
  {
    odt::atomic_writer writer(scratch / "a");
    writer.write("new");
    BOOST_CHECK_EQUAL(odt::read_file(scratch / "a"), "old");
  }
  BOOST_CHECK_EQUAL(odt::read_file(scratch / "a"), "old");
  BOOST_CHECK_EQUAL(scratch.entries(), 1u);
  odt::atomic_writer writer(scratch / "a");
  writer.write("new");
  writer.commit();
  BOOST_CHECK_EQUAL(odt::read_file(scratch / "a"), "new");
  BOOST_CHECK_EQUAL(scratch.entries(), 1u);
}

BOOST_AUTO_TEST_CASE(a_writer_knows_whether_anything_changes) {
  const odt::test::scratch_directory scratch;
  const std::string path = scratch / "data", content(300000, 'x');
  const auto unchanged = [&](const std::string& text) {
    odt::atomic_writer writer(path);
    writer.write(text);
    return writer.unchanged();
  };
  BOOST_TEST(!unchanged(""));
  odt::write_file(path, content);
  BOOST_TEST(unchanged(content));
  BOOST_TEST(!unchanged(content + "x"));
  BOOST_TEST(!unchanged(content.substr(1) + "y"));
  BOOST_TEST(scratch.entries() == 1u);
}

BOOST_AUTO_TEST_CASE(a_full_disk_leaves_the_old_file_and_nothing_else) {
  const scratch_directory scratch;
  odt::write_file(scratch / "a", "old");
  {
    const size_limit limit(1 << 16);
    check_error([&] { odt::write_file(scratch / "a", std::string(1 << 20, 'x')); },
                {scratch / "a", "cannot write", "File too large"});
  }
  BOOST_CHECK_EQUAL(odt::read_file(scratch / "a"), "old");
  BOOST_CHECK_EQUAL(scratch.entries(), 1u);
}

BOOST_AUTO_TEST_CASE(appending_to_a_full_disk_is_an_error) {
  odt::append_writer writer("/dev/full");
  writer.write("x");
  check_error([&] { writer.flush(); }, {"/dev/full", "No space left on device"});
}

BOOST_AUTO_TEST_CASE(reads_beyond_the_end_say_so) {
  const scratch_directory scratch;
  odt::write_file(scratch / "a", "0123456789");
  const odt::input_file file(scratch / "a");
  std::string bytes(4, ' ');
  file.read_at(3, bytes);
  BOOST_CHECK_EQUAL(bytes, "3456");
  check_error([&] { file.read_at(8, bytes); }, {scratch / "a", "cut short", "byte 8"});
}

BOOST_AUTO_TEST_CASE(globs_give_each_file_once_in_order) {
  const scratch_directory scratch;
  for (int shard = 0; shard < 3; ++shard) odt::write_file(odt::shard_name(scratch / "train.record", shard, 3), "x");
  odt::write_file(scratch / "val.record", "x");
  const std::vector<std::string> all = {scratch / "train.record-00000-of-00003",
                                        scratch / "train.record-00001-of-00003",
                                        scratch / "train.record-00002-of-00003", scratch / "val.record"};
  const auto same = [&](const std::vector<std::string>& patterns) {
    const auto found = odt::expand_globs(patterns);
    BOOST_CHECK_EQUAL_COLLECTIONS(found.begin(), found.end(), all.begin(), all.end());
  };
  same({scratch / "*.record*"});
  same({scratch / "train.record-?*-of-00003", scratch / "val.record"});
  same({(scratch / "train.record-*") + ", " + (scratch / "val.record")});
  same({scratch / "train*", scratch / "train.record-00001-of-00003", scratch / "*"});
  check_error([&] { odt::expand_globs({scratch / "test*"}); }, {scratch / "test*", "no such file"});
}

BOOST_AUTO_TEST_CASE(missing_shards_are_reported) {
  const scratch_directory scratch;
  for (const int shard : {0, 2}) odt::write_file(odt::shard_name(scratch / "t", shard, 3), "x");
  const auto warnings = warnings_of([&] { odt::expand_globs({scratch / "t*"}); });
  BOOST_REQUIRE_EQUAL(warnings.size(), 1u);
  BOOST_CHECK(warnings[0].find("2 of 3 shards") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_another_host_writes_is_left_alone) {
  const scratch_directory scratch;
  const std::string host = odt::host_name(), gone = "999999";  // no process has so high a number
  odt::write_file(scratch / (".a.tmp-" + host + "-" + gone + "-0"), "half");
  for (const std::string& kept : {".a.tmp-" + host + "-" + gone + "-12-3", ".a.tmp-" + host + "-" + gone,
                                  ".a.tmp-other-" + gone + "-0", "a.tmp-" + host + "-" + gone + "-0"})
    odt::write_file(scratch / kept, "another's");
  BOOST_CHECK_EQUAL(odt::remove_unfinished(scratch.path()), 1);
  BOOST_CHECK_EQUAL(scratch.entries(), 4u);
}

BOOST_AUTO_TEST_SUITE_END()
