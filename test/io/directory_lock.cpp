// SPDX-License-Identifier: MIT
#include <odt/io/directory_lock.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_writer.hpp>

#include <scratch.hpp>

#include <boost/test/unit_test.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

BOOST_AUTO_TEST_SUITE(directory_lock_tests)

BOOST_AUTO_TEST_CASE(a_second_one_is_refused_by_the_name_of_the_first) {
  const odt::test::scratch_directory scratch;
  {
    odt::directory_lock first(scratch / "model");
    const std::string process = odt::str("process ", static_cast<int>(::getpid()), " on ", odt::host_name());
    odt::test::check_error([&] { odt::directory_lock(scratch / "model"); },
                           {scratch / "model", process, "--model_dir"});
    const odt::directory_lock moved = std::move(first);
    BOOST_CHECK_THROW(odt::directory_lock(scratch / "model"), odt::error);
  }
  odt::directory_lock(scratch / "model");
}

BOOST_AUTO_TEST_CASE(it_ends_with_its_process) {
  const odt::test::scratch_directory scratch;
  std::fflush(nullptr);
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    const odt::directory_lock held(scratch / "model");
    ::_exit(odt::file_exists(scratch / "model/.odt.lock") ? 0 : 1);  // as a kill does, without destructors
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  BOOST_TEST(status == 0);
  odt::directory_lock(scratch / "model");
}

BOOST_AUTO_TEST_CASE(what_a_killed_process_left_unfinished_is_removed_and_no_glob_finds_it) {
  const odt::test::scratch_directory scratch;
  std::fflush(nullptr);
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    odt::atomic_writer left(scratch / "train.record");
    left.write("half");
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  odt::atomic_writer alive(scratch / "val.record");
  BOOST_TEST(odt::matching_files(scratch / "*.record*").empty());
  BOOST_TEST(odt::matching_files(scratch / ".*tmp*").size() == 2u);
  BOOST_TEST(odt::remove_unfinished(scratch.path()) == 1);
  BOOST_TEST(odt::remove_unfinished(scratch.path()) == 0);
  alive.commit();
  BOOST_TEST(odt::file_exists(scratch / "val.record"));
}

BOOST_AUTO_TEST_SUITE_END()
