// SPDX-License-Identifier: MIT
#include <odt/detect/video.hpp>

#include <odt/io/file.hpp>

#include <scratch.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <string>

namespace {

using odt::test::check_error;
using odt::test::scratch_directory;

boost::test_tools::assertion_result have_ffmpeg(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result result(std::system("ffmpeg -version > /dev/null 2>&1") == 0);
  result.message() << "ffmpeg is not installed";
  return result;
}

odt::image frame_of(int brightness, odt::size2 size = {48, 64}) {
  odt::image frame(size.height, size.width);
  std::ranges::fill(frame.pixels, static_cast<std::uint8_t>(brightness));
  return frame;
}

/// Of five frames that get brighter.
void write_video(const std::string& path) {
  odt::video_writer video(path, "10");
  for (int i = 0; i < 5; ++i) video.write(frame_of(40 * i));
  video.finish();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(video_tests)

BOOST_AUTO_TEST_CASE(videos_are_known_by_their_names) {
  BOOST_TEST(odt::is_video_name("a/b.MP4"));
  BOOST_TEST(odt::is_video_name("x.webm"));
  BOOST_TEST(!odt::is_video_name("mp4"));
  BOOST_TEST(!odt::is_video_name("a.jpg"));
}

BOOST_AUTO_TEST_CASE(without_ffmpeg_its_package_is_named) {
  const scratch_directory at;
  odt::write_file(at / "a.mp4", "x");
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", at.path().c_str(), 1);
  check_error([&] { odt::video_reader(at / "a.mp4"); }, {at / "a.mp4", "ffmpeg", "not installed"});
  check_error([&] { odt::video_writer(at / "b.mp4", "10").finish(); }, {at / "b.mp4", "not installed"});
  ::setenv("PATH", path.c_str(), 1);
  BOOST_TEST(at.entries() == 1u);
}

BOOST_AUTO_TEST_CASE(frames_come_back, *boost::unit_test::precondition(have_ffmpeg)) {
  const scratch_directory at;
  const std::string path = at / "it's a \"video\".mp4";
  write_video(path);
  odt::video_reader video(path);
  BOOST_TEST(video.frames_per_second() == "10/1");
  BOOST_TEST(video.frames() == 5);
  odt::image frame;
  for (int i = 0; i < 5; ++i) {
    BOOST_TEST_REQUIRE(video.next(frame));
    BOOST_TEST((frame.size() == odt::size2{48, 64}));
    BOOST_TEST(std::abs(frame.pixels[0] - 40 * i) < 8);
  }
  BOOST_TEST(!video.next(frame));
  BOOST_TEST(at.entries() == 1u);
}

BOOST_AUTO_TEST_CASE(odd_sides_are_made_even, *boost::unit_test::precondition(have_ffmpeg)) {
  const scratch_directory at;
  odt::video_writer video(at / "a.mp4", "25");
  video.write(frame_of(100, {33, 47}));
  video.finish();
  odt::image frame;
  odt::video_reader reader(at / "a.mp4");
  BOOST_TEST(reader.next(frame));
  BOOST_TEST((frame.size() == odt::size2{34, 48}));
}

BOOST_AUTO_TEST_CASE(what_is_no_video_is_refused, *boost::unit_test::precondition(have_ffmpeg)) {
  const scratch_directory at;
  check_error([&] { odt::video_reader(at / "none.mp4"); }, {at / "none.mp4"});
  odt::write_file(at / "text.mp4", "no video");
  check_error([&] { odt::video_reader(at / "text.mp4"); }, {at / "text.mp4", "is no video"});
  write_video(at / "whole.mp4");
  const std::string bytes = odt::read_file(at / "whole.mp4");
  odt::write_file(at / "cut.mp4", bytes.substr(0, bytes.size() * 9 / 10));
  const auto read_all = [&] {
    odt::video_reader video(at / "cut.mp4");
    for (odt::image frame; video.next(frame);) {
    }
  };
  check_error(read_all, {at / "cut.mp4"});
}

BOOST_AUTO_TEST_CASE(what_cannot_be_written_is_an_error, *boost::unit_test::precondition(have_ffmpeg)) {
  const scratch_directory at;
  const auto write = [&] {
    odt::video_writer video(at / "nowhere/a.mp4", "10");
    for (int i = 0; i < 1000; ++i) video.write(frame_of(i % 256));
    video.finish();
  };
  check_error(write, {at / "nowhere/a.mp4", "ffmpeg cannot write it"});
}

BOOST_AUTO_TEST_SUITE_END()
