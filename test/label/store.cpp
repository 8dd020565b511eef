// SPDX-License-Identifier: MIT
#include <odt/label/store.hpp>

#include <odt/dataset/labelimg.hpp>
#include <odt/dataset/voc_xml.hpp>

#include <dataset/workplace.hpp>
#include <label/photo_folder.hpp>

#include <atomic>
#include <filesystem>
#include <thread>

using odt::annotated_object;
using odt::labelling::annotation_store;
using odt::labelling::photo_change;
using odt::labelling::photo_index;
using odt::labelling::photo_labels;
using odt::labelling::photo_state;
using odt::labelling::revision_conflict;
using odt::test::box;
using odt::test::check_error;
using odt::test::photo_folder;
using odt::test::plain_xml;
using odt::test::xml_object;

namespace {

/// The store of a folder's photos.
struct opened {
  explicit opened(const photo_folder& folder, const odt::labelling::store_options& how = {})
      : photos(folder.path(""), ""), store(photos, how) {}

  photo_change change(std::size_t photo, photo_state state, std::vector<annotated_object> objects) {
    return {.revision = store.row(photo).revision, .state = state, .objects = std::move(objects), .by = "Anna"};
  }

  photo_index photos;
  annotation_store store;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(store)

BOOST_AUTO_TEST_CASE(takes_over_what_labelimg_has_left) {
  const photo_folder folder;
  for (const char* name : {"a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"}) folder.add(name);
  folder.add_labels("a.xml", plain_xml(xml_object("cat")));
  folder.add_labels("b.xml", plain_xml("", " verified=\"yes\""));
  folder.add_labels("c.xml", plain_xml(""));
  folder.add_labels("d.xml", "no xml");
  opened o(folder);
  const auto rows = o.store.rows();
  BOOST_TEST((rows[0].state == photo_state::accepted));
  BOOST_TEST((rows[1].state == photo_state::verified_empty));
  BOOST_TEST((rows[2].state == photo_state::draft));
  BOOST_TEST((rows[3].state == photo_state::draft));
  BOOST_TEST(!rows[3].problem.empty());
  BOOST_TEST((rows[4].state == photo_state::untouched));
  BOOST_TEST(o.store.classes() == std::vector<std::string>{"cat"}, boost::test_tools::per_element());
  check_error([&] { o.store.save(3, o.change(3, photo_state::verified_empty, {})); },
              {"d.xml", "nothing is saved over"});
  BOOST_TEST(odt::read_file(folder.path("d.xml")) == "no xml");
}

BOOST_AUTO_TEST_CASE(writes_labelimgs_file_and_remembers_the_state) {
  const photo_folder folder;
  folder.add("a b ü.jpg");
  {
    opened o(folder);
    const auto row = o.store.save(0, o.change(0, photo_state::accepted, {box("cat", {10, 20, 30, 40})}));
    BOOST_TEST(row.revision == 1);
  }
  const std::string path = std::filesystem::canonical(folder.path("a b ü.jpg")).string();
  const auto object = box("cat", {10, 20, 30, 40});
  BOOST_TEST(odt::read_file(folder.path("a b ü.xml")) == odt::labelimg_text({path, {48, 64}, 3}, {&object, 1}, true));
  opened again(folder);
  BOOST_TEST((again.store.row(0).state == photo_state::accepted));
  BOOST_TEST(again.store.row(0).revision == 1);
  BOOST_TEST(again.store.row(0).by == "Anna");
  BOOST_TEST(again.store.get(0).objects.size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_unchanged_file_stays_to_the_byte) {
  const photo_folder folder;
  folder.add("a.jpg");
  const std::string text = plain_xml(xml_object("cat"));
  folder.add_labels("a.xml", text);
  opened o(folder);
  const photo_labels now = o.store.get(0);
  o.store.save(0, o.change(0, photo_state::flagged, now.objects));
  BOOST_TEST(odt::read_file(folder.path("a.xml")) == text);
  o.store.save(0, o.change(0, photo_state::draft, now.objects));
  BOOST_TEST(odt::read_file(folder.path("a.xml")) == text);
  const auto row = o.store.save(0, o.change(0, photo_state::draft, now.objects));
  BOOST_TEST(row.revision == 2);  // the same again is no change
}

BOOST_AUTO_TEST_CASE(states_without_boxes_need_no_file_but_verified_empty) {
  const photo_folder folder;
  for (const char* name : {"a.jpg", "b.jpg", "c.jpg", "d.jpg"}) folder.add(name);
  {
    opened o(folder);
    o.store.save(0, o.change(0, photo_state::rejected, {}));
    o.store.save(1, o.change(1, photo_state::ignored, {}));
    o.store.save(2, o.change(2, photo_state::verified_empty, {}));
  }
  BOOST_TEST(!odt::file_exists(folder.path("a.xml")));
  BOOST_TEST(!odt::file_exists(folder.path("b.xml")));
  BOOST_TEST(odt::read_voc_xml(folder.path("c.xml")).verified);
  const auto rows = opened(folder).store.rows();
  BOOST_TEST((rows[0].state == photo_state::rejected));
  BOOST_TEST((rows[1].state == photo_state::ignored));
  BOOST_TEST((rows[2].state == photo_state::verified_empty));
  BOOST_TEST((rows[3].state == photo_state::untouched));
}

BOOST_AUTO_TEST_CASE(a_stale_revision_is_refused_with_what_is_there_now) {
  const photo_folder folder;
  folder.add("a.jpg");
  opened o(folder);
  photo_change first = o.change(0, photo_state::draft, {box("cat", {10, 20, 30, 40})});
  photo_change second = o.change(0, photo_state::accepted, {box("dog", {1, 2, 3, 4})});
  o.store.save(0, first);
  try {
    o.store.save(0, second);
    BOOST_ERROR("two changes of one revision");
  } catch (const revision_conflict& conflict) {
    BOOST_TEST(conflict.now.row.revision == 1);
    BOOST_TEST(conflict.now.objects.at(0).name == "cat");
  }
  second.revision = 1;
  BOOST_TEST(o.store.save(0, second).revision == 2);
}

BOOST_AUTO_TEST_CASE(of_many_at_once_one_wins_each_revision) {
  const photo_folder folder;
  folder.add("a.jpg");
  opened o(folder);
  std::atomic<int> saved = 0, refused = 0;
  std::vector<std::thread> people;
  for (int person = 0; person < 4; ++person)
    people.emplace_back([&, person] {
      for (int i = 0; i < 10; ++i) try {
          o.store.save(0, o.change(0, photo_state::draft, {box("cat", {1.0 + person, 2, 20.0 + i, 40})}));
          ++saved;
        } catch (const revision_conflict&) {
          ++refused;
        }
    });
  for (std::thread& person : people) person.join();
  BOOST_TEST(saved + refused == 40);
  BOOST_TEST(o.store.row(0).revision <= saved);
  BOOST_TEST(o.store.row(0).revision > 0);
  BOOST_TEST(odt::read_voc_xml(folder.path("a.xml")).objects.size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_another_program_changes_is_noticed) {
  const photo_folder folder;
  folder.add("a.jpg");
  folder.add("b.jpg");
  opened o(folder);
  int told = 0;
  o.store.on_change([&](std::size_t) { ++told; });
  o.store.save(0, o.change(0, photo_state::draft, {box("cat", {10, 20, 30, 40})}));
  folder.add_labels("a.xml", plain_xml(xml_object("dog")));
  photo_change late = o.change(0, photo_state::draft, {});
  BOOST_CHECK_THROW(o.store.save(0, late), revision_conflict);
  BOOST_TEST(o.store.row(0).revision == 2);
  BOOST_TEST(told == 2);
  BOOST_TEST(o.store.get(0).objects.at(0).name == "dog");
  std::filesystem::remove(folder.path("a.xml"));
  BOOST_TEST(o.store.get(0).objects.empty());
  BOOST_TEST((o.store.row(0).state == photo_state::untouched));
}

BOOST_AUTO_TEST_CASE(changes_between_two_runs_are_noticed_and_boxes_stay_accepted) {
  const photo_folder folder;
  folder.add("a.jpg");
  {
    opened o(folder);
    o.store.save(0, o.change(0, photo_state::accepted, {box("cat", {10, 20, 30, 40})}));
  }
  folder.add_labels("a.xml", plain_xml(xml_object("dog")));
  opened o(folder);
  BOOST_TEST(o.store.row(0).revision == 2);
  BOOST_TEST(o.store.row(0).by == "another program");
  BOOST_TEST((o.store.row(0).state == photo_state::accepted));
}

BOOST_AUTO_TEST_CASE(a_kill_between_journal_and_file_is_made_good) {
  const photo_folder folder;
  folder.add("a.jpg");
  const std::string before = plain_xml(xml_object("cat"));
  folder.add_labels("a.xml", before);
  std::string after;
  {
    opened o(folder);
    o.store.save(0, o.change(0, photo_state::accepted, {box("dog", {10, 20, 30, 40})}));
    after = odt::read_file(folder.path("a.xml"));
  }
  folder.add_labels("a.xml", before);  // as if the kill had come just there
  opened o(folder);
  BOOST_TEST(odt::read_file(folder.path("a.xml")) == after);
  BOOST_TEST(o.store.row(0).revision == 1);
  BOOST_TEST((o.store.row(0).state == photo_state::accepted));
}

BOOST_AUTO_TEST_CASE(one_process_at_a_time) {
  const photo_folder folder;
  folder.add("a.jpg");
  const opened o(folder);
  check_error([&] { opened second(folder); }, {".odt-label", "another odt", "labels these photos"});
}

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused_by_box_and_reason) {
  const photo_folder folder;
  folder.add("a.jpg");
  opened o(folder, {.classes = odt::label_map::from_names({"cat", "dog"})});
  const auto refused = [&](photo_state state, std::vector<annotated_object> objects, std::string_view why) {
    check_error([&] { o.store.save(0, o.change(0, state, objects)); }, {"a.jpg", why});
  };
  const auto good = box("cat", {10, 20, 30, 40});
  refused(photo_state::draft, {good, box("cow", {10, 20, 30, 40})},
          "box 2 of 2: there is no class \"cow\"; there are cat, dog");
  refused(photo_state::draft, {box("", {10, 20, 30, 40})}, "no class");
  refused(photo_state::draft, {box("cat", {30, 20, 10, 40})}, "empty or inverted");
  refused(photo_state::draft, {box("cat", {64, 20, 80, 40})}, "outside the photo of 64x48 pixels");
  refused(photo_state::draft, {box("cat", {0, 0, std::numeric_limits<double>::quiet_NaN(), 40})}, "no number");
  refused(photo_state::accepted, {}, "verified_empty");
  refused(photo_state::verified_empty, {good}, "1 boxes");
  BOOST_TEST(!odt::file_exists(folder.path("a.xml")));
  BOOST_TEST(o.store.row(0).revision == 0);
  check_error([&] { o.store.add_class("cow"); }, {"cow", "cat, dog"});
}

BOOST_AUTO_TEST_CASE(classes_that_are_added_keep_their_order) {
  const photo_folder folder;
  folder.add("a.jpg");
  {
    opened o(folder);
    BOOST_TEST(o.store.add_class("zebra"));
    BOOST_TEST(o.store.add_class("ant"));
    BOOST_TEST(!o.store.add_class("zebra"));
    check_error([&] { o.store.add_class(""); }, {"needs a name"});
  }
  BOOST_TEST(opened(folder).store.classes() == (std::vector<std::string>{"zebra", "ant"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(photos_are_upright_whatever_their_exif_says) {
  const photo_folder folder;
  odt::write_file(folder.path("a.jpg"), odt::test::oriented(odt::encode_jpeg(odt::image(48, 64)), 6));
  odt::write_file(folder.path("b.jpg"), odt::test::oriented(odt::encode_jpeg(odt::image(48, 64)), 6));
  folder.add_labels("b.xml", plain_xml(xml_object("cat", 5, 6, 30, 40)));  // of the picture as it is stored: 64x48
  opened o(folder);
  BOOST_TEST((o.store.get(0).size == odt::size2{64, 48}));
  o.store.save(0, o.change(0, photo_state::accepted, {box("cat", {1, 2, 47, 63})}));
  const auto a = odt::read_voc_xml(folder.path("a.xml"));
  BOOST_TEST((a.size == odt::size2{64, 48}));
  const photo_labels b = o.store.get(1);
  BOOST_TEST((b.objects.at(0).bounds == odt::turn_upright({5, 6, 30, 40}, 6, {48, 64})));
  auto objects = b.objects;
  objects.push_back(box("dog", {2, 3, 20, 30}));
  o.store.save(1, o.change(1, photo_state::draft, objects));
  const auto written = odt::read_voc_xml(folder.path("b.xml"));
  BOOST_TEST((written.size == odt::size2{64, 48}));
  BOOST_TEST((o.store.get(1).objects.at(0).bounds == b.objects.at(0).bounds));
}

BOOST_AUTO_TEST_CASE(a_photo_without_colours_has_depth_1) {
  const photo_folder folder;
  odt::image gray(48, 64);
  std::ranges::fill(gray.pixels, std::uint8_t{90});
  odt::write_file(folder.path("a.png"), odt::encode_png(gray));
  opened o(folder);
  o.store.save(0, o.change(0, photo_state::draft, {box("cat", {10, 20, 30, 40})}));
  BOOST_TEST(odt::read_file(folder.path("a.xml")).find("<depth>1</depth>") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
