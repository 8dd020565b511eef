// SPDX-License-Identifier: MIT
#include <odt/io/event_file.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>

#include <golden.hpp>
#include <scratch.hpp>

#include <array>
#include <ctime>
#include <map>

namespace {

using odt::event;
using odt::test::check_error;
using odt::test::scratch_directory;

std::vector<event> read_events(const std::string& path) {
  odt::event_reader reader(path);
  std::vector<event> events;
  for (event one; reader.next(one);) events.push_back(one);
  return events;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(event_file_tests)

BOOST_AUTO_TEST_CASE(what_is_written_is_read_back) {
  const scratch_directory scratch;
  odt::image picture(2, 3);
  for (std::size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<std::uint8_t>(10 * i);
  std::string path;
  {
    odt::event_writer writer(scratch / "model");
    path = writer.path();
    writer.scalar("Loss/total_loss", 1.5f, 10);
    writer.image("Detections_Left_Groundtruth_Right/0", picture, 20);
    writer.text("config", "num_classes: 3", 0);
    writer.histogram("ModelVars/weights", std::array{1.f, 2.f}, 30);
    writer.graph("a graph's bytes");
  }
  BOOST_CHECK(path.starts_with(scratch / "model/events.out.tfevents."));
  const auto events = read_events(path);
  BOOST_REQUIRE_EQUAL(events.size(), 6u);
  BOOST_CHECK(events[0].what == event::kind::version && events[0].bytes == "brain.Event:2");
  BOOST_CHECK(events[1].what == event::kind::scalar && events[1].tag == "Loss/total_loss");
  BOOST_CHECK(events[1].value == 1.5f && events[1].step == 10);
  BOOST_CHECK_LT(std::abs(events[1].wall_time - static_cast<double>(std::time(nullptr))), 60.0);
  BOOST_CHECK(events[2].what == event::kind::picture && events[2].step == 20);
  BOOST_CHECK(events[2].height == 2 && events[2].width == 3);
  BOOST_CHECK(odt::decode_image(events[2].bytes, "event").pixels == picture.pixels);
  BOOST_CHECK(events[3].what == event::kind::text && events[3].bytes == "num_classes: 3");
  BOOST_CHECK(events[4].what == event::kind::histogram && events[4].tag == "ModelVars/weights");
  BOOST_CHECK(events[5].what == event::kind::graph && events[5].step == 0);
}

BOOST_AUTO_TEST_CASE(writers_in_one_second_have_files_of_their_own) {
  const scratch_directory scratch;
  const odt::event_writer a(scratch.path()), b(scratch.path()), c(scratch.path());
  BOOST_CHECK(a.path() != b.path() && b.path() != c.path());
  BOOST_CHECK_EQUAL(scratch.entries(), 3u);
}

BOOST_AUTO_TEST_CASE(a_file_can_be_read_while_it_is_written) {
  const scratch_directory scratch;
  odt::event_writer writer(scratch.path());
  writer.scalar("loss", 1, 1);
  writer.flush();
  BOOST_CHECK_EQUAL(read_events(writer.path()).size(), 2u);
  const std::string bytes = odt::read_file(writer.path());
  odt::write_file(scratch / "killed", bytes.substr(0, bytes.size() - 3));
  odt::event_reader reader(scratch / "killed");
  event one;
  BOOST_CHECK(reader.next(one) && !reader.next(one));
  BOOST_CHECK(reader.cut_short());
}

BOOST_AUTO_TEST_CASE(damage_is_reported) {
  const scratch_directory scratch;
  std::string path;
  {
    odt::event_writer writer(scratch.path());
    path = writer.path();
    writer.scalar("loss", 1, 1);
  }
  std::string bytes = odt::read_file(path);
  bytes[bytes.size() - 8] ^= 1;
  odt::write_file(path, bytes);
  check_error([&] { read_events(path); }, {path, "record 1", "wrong checksum"});
  odt::write_file(path, odt::frame_record("no event"));
  check_error([&] { read_events(path); }, {path, "record 0", "not an event"});
}

BOOST_AUTO_TEST_CASE(a_directory_that_cannot_be_written_is_an_error) {
  check_error([] { odt::event_writer("/proc/events"); }, {"/proc/events"});
}

BOOST_AUTO_TEST_CASE(tensorflows_event_files, *odt::test::needs(odt::test::golden() / "models/programs")) {
  const odt::test::fs::path folder = odt::test::golden() / "models/programs";
  const auto expected = odt::test::load_json(folder / "case.json")["events"];
  int seen = 0;
  for (const auto& [name, content] : expected.items()) {
    if (!odt::test::fs::exists(folder / name)) continue;
    ++seen;
    std::map<std::string, std::vector<std::pair<std::int64_t, double>>> scalars;
    for (const event& e : read_events((folder / name).string())) {
      if (e.what == event::kind::scalar) scalars[e.tag].emplace_back(e.step, e.value);
      if (e.what == event::kind::picture && e.height > 0)
        BOOST_CHECK(odt::decode_image(e.bytes, e.tag).size() == (odt::size2{e.height, e.width}));
    }
    for (const auto& [tag, points] : content["scalars"].items()) {
      const auto& actual = scalars[tag];
      BOOST_REQUIRE_MESSAGE(actual.size() == points.size(), name << ": " << tag);
      for (std::size_t i = 0; i < actual.size(); ++i) {
        BOOST_CHECK_EQUAL(actual[i].first, points[i][0].get<std::int64_t>());
        BOOST_CHECK_EQUAL(actual[i].second, points[i][1].get<double>());
      }
    }
  }
  BOOST_CHECK_GE(seen, 3);
}

BOOST_AUTO_TEST_SUITE_END()
