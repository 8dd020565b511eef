// SPDX-License-Identifier: MIT
#include <odt/dataset/convert.hpp>

#include <odt/core/display_width.hpp>
#include <odt/core/error.hpp>
#include <odt/dataset/prepare.hpp>
#include <odt/dataset/voc_xml.hpp>
#include <odt/io/example.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/sha256.hpp>
#include <odt/io/tfrecord.hpp>

#include "../io/image_samples.hpp"
#include "workplace.hpp"

using namespace odt;
using namespace odt::test;

namespace {

/// Converts with good pictures beside the bad one and returns the only problem.
conversion_problem only_problem(const workplace& w, convert_options options) {
  for (const char* stem : {"good1", "good2", "good3"}) w.add(stem, {object("cat", {1, 2, 30, 40})});
  options.split = 1;
  const convert_report report = convert_voc(options);
  BOOST_REQUIRE_MESSAGE(report.problems.size() == 1u, report.text());
  BOOST_TEST_MESSAGE(report.problems[0].text);
  return report.problems[0];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(convert_tests)

BOOST_AUTO_TEST_CASE(a_folder_of_labelimg_becomes_records_and_a_label_map) {
  const workplace w;
  for (int i = 0; i < 10; ++i)
    w.add(str("p", i), {object(i % 2 ? "dog" : "cat", {16, 12, 32, 36}), object("cat", {0, 0, 64, 48})});
  const convert_report report = convert_voc(w.options());
  BOOST_TEST(report.problems.empty());
  BOOST_REQUIRE(report.sets.size() == 2u);
  BOOST_TEST((report.sets[0].name == "train" && report.sets[0].pictures == 8u));
  BOOST_TEST((report.sets[1].name == "val" && report.sets[1].pictures == 2u));
  BOOST_TEST(report.sets[0].files == std::vector<std::string>{w.path("out/train.record")});
  BOOST_TEST(report.sets[0].boxes[0] + report.sets[1].boxes[0] == 15u);  // cats
  BOOST_TEST(report.sets[0].boxes[1] + report.sets[1].boxes[1] == 5u);
  BOOST_TEST(report.label_map_made);
  BOOST_TEST((label_map::read(w.path("out/label_map.pbtxt")) == label_map::from_names({"cat", "dog"})));

  std::vector<example> all = read_records({w.path("out/train.record"), w.path("out/val.record")});
  BOOST_REQUIRE(all.size() == 10u);
  std::ranges::sort(all, {}, &example::filename);
  const example& e = all[3];
  BOOST_TEST(e.filename == "p3.jpg");
  BOOST_TEST(e.source_id == "p3.jpg");
  BOOST_TEST(e.format == "jpeg");
  BOOST_TEST(e.encoded == read_file(w.path("images/p3.jpg")));
  BOOST_TEST(e.key == sha256(e.encoded));
  BOOST_TEST((e.height == 48 && e.width == 64));
  BOOST_REQUIRE(e.objects.size() == 2u);
  BOOST_TEST((e.objects[0].text == "dog" && e.objects[0].label == 2));
  BOOST_TEST((e.objects[0].bounds == boxf{.25f, .25f, .75f, .5f}));
  BOOST_TEST((e.objects[1].text == "cat" && e.objects[1].label == 1));
  BOOST_TEST(report.text().find("turned") == std::string::npos);
  BOOST_TEST_MESSAGE(report.text());
}

BOOST_AUTO_TEST_CASE(the_split_follows_from_the_seed_alone) {
  const workplace w;
  for (int i = 0; i < 20; ++i) w.add(str("p", i), {object("cat", {1, 1, 9, 9})});
  const auto train = [&](std::uint64_t seed, int threads) {
    convert_options o = w.options();
    o.seed = seed, o.threads = threads, o.split = .5, o.overwrite = true;
    convert_voc(o);
    return read_file(w.path("out/train.record"));
  };
  const std::string first = train(1, 1);
  BOOST_TEST((first == train(1, 3)));
  BOOST_TEST((first != train(2, 1)));
}

BOOST_AUTO_TEST_CASE(records_are_dealt_out_to_shards) {
  const workplace w;
  for (int i = 0; i < 7; ++i) w.add(str("p", i), {object("cat", {1, 1, 9, 9})});
  convert_options o = w.options();
  o.shards = 3;
  o.split = 1;
  const convert_report report = convert_voc(o);
  BOOST_REQUIRE(report.sets.size() == 1u);
  BOOST_REQUIRE(report.sets[0].files.size() == 3u);
  BOOST_TEST(report.sets[0].files[2] == w.path("out/train.record-00002-of-00003"));
  BOOST_TEST(record_file(report.sets[0].files[0]).size() == 3u);
  BOOST_TEST(record_file(report.sets[0].files[2]).size() == 2u);
  o.shards = 2;  // the third of three would be read along with these
  BOOST_CHECK_EXCEPTION(convert_voc(o), error, says("train.record-00000-of-00003: is there from a conversion"));
  BOOST_TEST(!fs::exists(w.path("out/train.record-00000-of-00002")));
}

BOOST_AUTO_TEST_CASE(lists_make_one_set_each) {
  const workplace w;
  for (const char* stem : {"a", "b", "c", "d"}) w.add(stem, {object("cat", {1, 1, 9, 9})});
  write_file(w.path("trainval.txt"), "c 1\r\na -1\n\n");
  write_file(w.path("test.txt"), "b\nnowhere\n");
  convert_options o = w.options();
  o.ids = {w.path("trainval.txt"), w.path("test.txt")};
  const convert_report report = convert_voc(o);
  BOOST_REQUIRE(report.sets.size() == 2u);
  const auto trainval = read_records({w.path("out/trainval.record")});
  BOOST_REQUIRE(trainval.size() == 2u);
  BOOST_TEST((trainval[0].filename == "c.jpg" && trainval[1].filename == "a.jpg"));
  BOOST_TEST(read_records({w.path("out/test.record")}).size() == 1u);
  BOOST_REQUIRE(report.problems.size() == 1u);
  BOOST_TEST(report.problems[0].text.find("nowhere.xml") != std::string::npos);
  write_file(w.path("test.txt"), "\n");
  BOOST_CHECK_EXCEPTION(convert_voc(o), error, says("test.txt: the list is empty"));
}

BOOST_AUTO_TEST_CASE(a_given_label_map_decides_about_ids) {
  const workplace w;
  w.add("a", {object("cat", {1, 1, 9, 9}), object("dog", {1, 1, 9, 9}), object("gnu", {2, 3, 9, 9})});
  write_file(w.path("map.pbtxt"), "item { id: 3 name: 'cat' } item { id: 1 name: 'dog' } item { id: 2 name: 'cow' }");
  convert_options o = w.options();
  o.label_map = w.path("map.pbtxt");
  const convert_report report = convert_voc(o);
  BOOST_TEST(!report.label_map_made);
  const auto records = read_records({w.path("out/train.record")});
  BOOST_REQUIRE((records.size() == 1u && records[0].objects.size() == 2u));
  BOOST_TEST((records[0].objects[0].label == 3 && records[0].objects[1].label == 1));
  BOOST_REQUIRE(report.problems.size() == 1u);
  BOOST_TEST(report.problems[0].done == conversion_problem::box_left_out);
  BOOST_TEST(report.problems[0].text.find("class \"gnu\" is not in the label map; it has dog, cow, cat") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(boxes_that_teach_nothing_are_left_out_with_their_values) {
  const std::pair<pixel_box, const char*> bad[] = {{{30, 1, 10, 9}, "is inverted: xmin 30, ymin 1, xmax 10, ymax 9"},
                                                   {{1, 9, 10, 3}, "is inverted"},
                                                   {{5, 5, 5, 9}, "is empty"},
                                                   {{0, 0, 0, 0}, "is empty"},
                                                   {{64, 1, 70, 9}, "lies outside the picture"},
                                                   {{1, -9, 9, 0}, "lies outside the picture"}};
  for (const auto& [bounds, says_so] : bad) {
    const workplace w;
    w.add("bad", {object("cat", bounds), object("cat", {1, 1, 9, 9})});
    const conversion_problem p = only_problem(w, w.options());
    BOOST_TEST(p.done == conversion_problem::box_left_out);
    BOOST_TEST(p.text.find(w.path("annotations/bad.xml:10: ")) == 0u, p.text);
    BOOST_TEST(p.text.find(says_so) != std::string::npos, p.text);
    for (const example& e : read_records({w.path("out/train.record")})) BOOST_TEST(e.objects.size() == 1u);
  }
}

BOOST_AUTO_TEST_CASE(a_box_that_reaches_beyond_the_picture_is_clipped_and_reported) {
  const workplace w;
  w.add("bad", {object("cat", {-5, 10, 70, 48})});
  convert_options o = w.options();
  o.on_bad_example = bad_example::fail;  // repairs are no failures
  const conversion_problem p = only_problem(w, o);
  BOOST_TEST(p.done == conversion_problem::repaired);
  BOOST_TEST(p.text.find("reaches beyond the picture: xmin -5, ymin 10, xmax 70, ymax 48 in 64x48 pixels; clipped") !=
             std::string::npos);
  for (const example& e : read_records({w.path("out/train.record")}))
    if (e.filename == "bad.jpg") BOOST_TEST((e.objects.at(0).bounds == boxf{10.f / 48, 0, 1, 1}));
}

BOOST_AUTO_TEST_CASE(a_missing_size_is_that_of_the_picture) {
  const workplace w;
  w.add("bad", {object("cat", {16, 12, 32, 24})}, {});
  const conversion_problem p = only_problem(w, w.options());
  BOOST_TEST(p.done == conversion_problem::repaired);
  BOOST_TEST(p.text.find("bad.xml: no <size>") != std::string::npos);
  BOOST_TEST(p.text.find("64x48") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_size_that_contradicts_the_picture_leaves_it_out_unless_the_shape_agrees) {
  {
    const workplace w;
    w.add("bad", {object("cat", {1, 1, 9, 9})}, {64, 48});
    const conversion_problem p = only_problem(w, w.options());
    BOOST_TEST(p.done == conversion_problem::picture_left_out);
    BOOST_TEST(p.text.find("the labels are for a picture of 48x64 pixels") != std::string::npos);
  }
  const workplace w;
  w.add("bad", {object("cat", {32, 24, 64, 48})}, {96, 128});
  const conversion_problem p = only_problem(w, w.options());
  BOOST_TEST(p.done == conversion_problem::repaired);
  for (const example& e : read_records({w.path("out/train.record")}))
    if (e.filename == "bad.jpg") BOOST_TEST((e.objects.at(0).bounds == boxf{.25f, .25f, .5f, .5f}));
}

BOOST_AUTO_TEST_CASE(pictures_that_are_missing_or_damaged_are_left_out) {
  const auto left_out = [](const std::string& says_so, auto&& damage) {
    const workplace w;
    w.add("bad", {object("cat", {1, 1, 9, 9})});
    damage(w.path("images/bad.jpg"));
    const conversion_problem p = only_problem(w, w.options());
    BOOST_TEST(p.done == conversion_problem::picture_left_out);
    BOOST_TEST(p.text.find("bad.") != std::string::npos, p.text);
    BOOST_TEST(p.text.find(says_so) != std::string::npos, p.text);
  };
  left_out("there is no picture \"bad.jpg\"", [](const std::string& path) { fs::remove(path); });
  left_out("images/bad.jpg", [](const std::string& path) { write_file(path, ""); });
  left_out("images/bad.jpg", [](const std::string& path) { write_file(path, "GIF89a no picture of ours"); });
  left_out("images/bad.jpg", [](const std::string& path) {
    const std::string bytes = read_file(path);
    write_file(path, std::string_view(bytes).substr(0, bytes.size() * 2 / 3));
  });
}

BOOST_AUTO_TEST_CASE(xml_that_is_none_leaves_its_picture_out) {
  const workplace w;
  w.add_picture("bad.jpg");
  write_file(w.path("annotations/bad.xml"), "<annotation>\n<object>");
  const conversion_problem p = only_problem(w, w.options());
  BOOST_TEST(p.done == conversion_problem::picture_left_out);
  BOOST_TEST(p.text.find(w.path("annotations/bad.xml:2: not well-formed XML")) == 0u, p.text);
}

BOOST_AUTO_TEST_CASE(a_picture_whose_objects_are_all_unusable_does_not_become_background) {
  const workplace w;
  w.add("bad", {object("cat", {5, 5, 5, 5})});
  w.add("empty", {});  // but one that is said to hold nothing does
  w.add("good", {object("cat", {1, 2, 30, 40})});
  convert_options o = w.options();
  o.split = 1;
  const convert_report report = convert_voc(o);
  BOOST_TEST(report.count(conversion_problem::picture_left_out) == 1u);
  BOOST_TEST(report.sets[0].pictures == 2u);
  BOOST_TEST(report.sets[0].without_boxes == 1u);
}

BOOST_AUTO_TEST_CASE(asked_to_fail_it_lists_all_problems_and_writes_nothing) {
  const workplace w;
  w.add("a", {object("cat", {5, 5, 5, 9}), object("cat", {1, 1, 9, 9})});
  w.add("b", {object("cat", {1, 1, 9, 9})});
  fs::remove(w.path("images/b.jpg"));
  w.add("c", {object("cat", {1, 1, 9, 9})});
  convert_options o = w.options();
  o.on_bad_example = bad_example::fail;
  BOOST_CHECK_EXCEPTION(convert_voc(o), error, [](const error& e) {
    const std::string text = e.what();
    return text.find("2 pictures or boxes cannot be used") == 0 && text.find("is empty") != std::string::npos &&
           text.find("no picture \"b.jpg\"") != std::string::npos;
  });
  BOOST_TEST(fs::is_empty(w.path("out")));
}

BOOST_AUTO_TEST_CASE(a_failed_conversion_leaves_the_earlier_one_whole) {
  const workplace w;
  w.add("a", {object("cat", {1, 1, 9, 9})});
  convert_options o = w.options();
  convert_voc(o);
  const std::string before = read_file(w.path("out/train.record"));
  write_file(w.path("images/a.jpg"), "");
  BOOST_CHECK_EXCEPTION(convert_voc(o), error, says("none of the 1 pictures of the train set can be used"));
  BOOST_TEST((read_file(w.path("out/train.record")) == before));
  BOOST_TEST(std::distance(fs::directory_iterator(w.path("out")), {}) == 2);
}

BOOST_AUTO_TEST_CASE(folders_and_options_that_cannot_be_are_errors) {
  const workplace w;
  convert_options o = w.options();
  BOOST_CHECK_EXCEPTION(convert_voc(o), error, says("no .xml files here"));
  w.add("a", {object("cat", {1, 1, 9, 9})});
  o.images = w.path("nowhere");
  BOOST_CHECK_EXCEPTION(convert_voc(o), error, says("nowhere: there is no such directory"));
  o = w.options();
  o.split = 0;
  BOOST_CHECK_EXCEPTION(convert_voc(o), error, says("split: 0"));
  o = w.options();
  o.shards = 0;
  BOOST_CHECK_EXCEPTION(convert_voc(o), error, says("shards: 0"));
  o = w.options();
  o.output = w.path("annotations/a.xml/out");
  BOOST_CHECK_EXCEPTION(convert_voc(o), error, says("a.xml/out: cannot make the directory"));
}

BOOST_AUTO_TEST_CASE(pictures_are_found_beside_their_xml_and_by_its_name) {
  const workplace w;
  w.add_picture("renamed.png");
  write_file(w.path("images/renamed.xml"),
             voc_xml_text({"", "old_name.jpg", {48, 64}, {object("cat", {1, 1, 9, 9})}, {}}));
  w.add_picture("unlabelled.jpg");
  convert_options o = w.options();
  o.annotations.clear();
  const convert_report report = convert_voc(o);
  BOOST_TEST(report.without_annotation == 1u);
  const auto records = read_records(report.sets.at(0).files);
  BOOST_REQUIRE(records.size() == 1u);
  BOOST_TEST((records[0].filename == "renamed.png" && records[0].format == "png"));
}

BOOST_AUTO_TEST_CASE(pictures_that_records_do_not_hold_are_encoded_anew_and_that_is_told) {
  const std::vector<std::pair<std::string, const std::string*>> pictures = {{"a.bmp", &samples::bmp},
                                                                            {"b.gif", &samples::gif},
                                                                            {"c.webp", &samples::webp},
                                                                            {"d.TIF", &samples::tiff},
                                                                            {"e.jfif", &samples::baseline}};
  const workplace w;
  for (const auto& [name, bytes] : pictures) {
    write_file(w.path("images/" + name), *bytes);
    w.add_xml(name.substr(0, 1) + ".xml", {"", name, {12, 16}, {object("cat", {1, 1, 9, 9})}, {}});
  }
  convert_options o = w.options();
  o.split = 1;
  const convert_report report = convert_voc(o);
  const std::size_t unread = !has_webp() + !has_tiff();
  BOOST_TEST(report.problems.size() == unread);
  BOOST_TEST(report.recoded == 4 - unread);
  BOOST_TEST((report.text().find("pictures were encoded anew") != std::string::npos));
  for (const example& e : read_records(report.sets.at(0).files)) {
    const auto at = std::ranges::find(pictures, e.filename, &std::pair<std::string, const std::string*>::first);
    BOOST_REQUIRE((at != pictures.end()));
    const bool jpeg = e.filename == "c.webp" || e.filename == "e.jfif";
    BOOST_TEST(e.format == (jpeg ? "jpeg" : "png"));
    BOOST_TEST((read_image_info(e.encoded, "").format == (jpeg ? image_format::jpeg : image_format::png)));
    BOOST_TEST((e.encoded == *at->second) == (e.filename == "e.jfif"));
    if (!jpeg) BOOST_TEST((decode_image(e.encoded, "").pixels == decode_image(*at->second, "").pixels));
  }
}

BOOST_AUTO_TEST_CASE(class_names_in_any_script_align_in_the_report) {
  convert_report report;
  report.classes = label_map::from_names({"cat", "енот полоскун", "浣熊"});
  report.sets = {{"train", {"train.record"}, 3, 0, {1, 22, 333}}};
  report.label_map_path = "label_map.pbtxt";
  const std::string text = report.text();
  for (const std::string name : {"cat", "енот полоскун", "浣熊", "boxes"}) {
    const std::size_t begin = text.find("\n  " + name) + 1;
    BOOST_TEST(display_width(text.substr(begin, text.find('\n', begin) - begin)) == 2 + 13 + 10u, name);
  }
}

BOOST_AUTO_TEST_CASE(pictures_are_turned_upright_and_boxes_are_where_they_were_seen) {
  for (const bool seen_upright : {true, false}) {
    const workplace w;
    w.add_picture("a.jpg", 48, 64);
    write_file(w.path("images/a.jpg"), oriented(read_file(w.path("images/a.jpg")), 6));
    // The same object, once as seen upright (48 x 64 pixels) and once as seen in the stored picture.
    const pixel_box stored{16, 12, 32, 24}, upright{24, 16, 36, 32};
    BOOST_TEST((turn_upright(stored, 6, {48, 64}) == upright));
    w.add_xml("a.xml", {"",
                        "a.jpg",
                        seen_upright ? size2{64, 48} : size2{48, 64},
                        {object("cat", seen_upright ? upright : stored)},
                        {}});
    const convert_report report = convert_voc(w.options());
    BOOST_TEST(report.problems.empty());
    BOOST_TEST(report.turned == 1u);
    BOOST_TEST(report.text().find("1 picture was turned upright") != std::string::npos);
    const auto records = read_records(report.sets.at(0).files);
    BOOST_REQUIRE(records.size() == 1u);
    const example& e = records[0];
    BOOST_TEST((e.height == 64 && e.width == 48));
    const image decoded = decode_image(e.encoded, "a");
    BOOST_TEST((decoded.size() == size2{64, 48}));
    BOOST_TEST(decoded.at(60, 20)[0] > decoded.at(4, 20)[0] + 100);  // what was the right is the bottom now
    BOOST_TEST(read_image_info(e.encoded, "a").orientation == 1);
    BOOST_TEST((e.objects.at(0).bounds == boxf{.25f, .5f, .5f, .75f}));
  }
}

BOOST_AUTO_TEST_CASE(boxes_turn_as_pictures_do) {
  const size2 stored{7, 11};
  image marked(stored.height, stored.width, 3);
  for (int y = 2; y < 4; ++y)
    for (int x = 5; x < 8; ++x) marked.at(y, x)[0] = 255;
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const image turned = apply_orientation(marked, orientation);
    pixel_box seen{1e9, 1e9, 0, 0};
    for (int y = 0; y < turned.height; ++y)
      for (int x = 0; x < turned.width; ++x)
        if (turned.at(y, x)[0])
          seen = {std::min<double>(seen.xmin, x), std::min<double>(seen.ymin, y), std::max<double>(seen.xmax, x + 1),
                  std::max<double>(seen.ymax, y + 1)};
    BOOST_TEST((turn_upright({5, 2, 8, 4}, orientation, stored) == seen), orientation);
  }
}

BOOST_AUTO_TEST_CASE(a_table_is_converted_like_a_folder) {
  const workplace w;
  for (const char* name : {"a.jpg", "b.jpg", "c.jpg"}) w.add_picture(name);
  write_file(
      w.path("t.csv"),
      "filename,width,height,class,xmin,ymin,xmax,ymax\n"
      "a.jpg,64,48,cat,16,12,32,24\nb.jpg,64,48,dog,1,1,9,9\nb.jpg,64,48,dog,1,x,9,9\ngone.jpg,64,48,dog,1,1,9,9\n");
  convert_options o = w.options();
  o.annotations = w.path("t.csv");
  o.split = 1;
  const convert_report report = convert_csv(o);
  BOOST_TEST(report.sets.at(0).pictures == 2u);
  BOOST_TEST(report.without_annotation == 1u);
  BOOST_REQUIRE(report.problems.size() == 2u);
  BOOST_TEST(report.problems[0].text.find("t.csv:5: there is no picture \"gone.jpg\"") != std::string::npos);
  BOOST_TEST(report.problems[1].text.find("t.csv:4: ymin is \"x\"") != std::string::npos);
  write_file(w.path("some.txt"), "b\n");
  o.ids = {w.path("some.txt")};
  convert_csv(o);
  BOOST_TEST(read_records({w.path("out/some.record")}).at(0).filename == "b.jpg");
}

BOOST_AUTO_TEST_CASE(the_tutorials_flags_make_one_record_file) {
  const workplace w;
  w.add_picture("a.jpg");
  write_file(w.path("t.csv"), "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,64,48,cat,16,12,32,24\n");
  tutorial_options o;
  o.csv_input = w.path("t.csv");
  o.image_dir = w.path("images");
  o.output_path = w.path("data/train.record");
  const convert_report report = convert_csv(o);
  BOOST_TEST(report.label_map_path == w.path("data/label_map.pbtxt"));
  BOOST_TEST(read_records({o.output_path}).at(0).objects.at(0).label == 1);
  o.label_map = w.path("nowhere/map.pbtxt");
  write_file(w.path("t.csv"), "filename,class,xmin,ymin,xmax,ymax\na.jpg,cat,x,12,32,24\n");
  o.on_bad_example = bad_example::fail;
  BOOST_CHECK_THROW(convert_csv(o), error);
}

BOOST_AUTO_TEST_CASE(the_blood_cells_convert_but_for_two_boxes, *needs(data() / "bccd")) {
  const workplace w;
  convert_options o;
  o.images = (data() / "bccd/JPEGImages").string();
  o.annotations = (data() / "bccd/Annotations").string();
  o.output = w.path("out");
  o.ids = {(data() / "bccd/ImageSets/Main/trainval.txt").string(), (data() / "bccd/ImageSets/Main/test.txt").string()};
  const convert_report report = convert_voc(o);
  BOOST_REQUIRE(report.sets.size() == 2u);
  BOOST_TEST((report.sets[0].pictures == 292u && report.sets[1].pictures == 72u));
  BOOST_TEST(report.box_sizes.size() == 4155u + 372 + 361 - 2);
  BOOST_REQUIRE(report.problems.size() == 2u);
  for (const conversion_problem& p : report.problems) BOOST_TEST(p.text.find("is empty") != std::string::npos);
  std::size_t boxes = 0;
  const std::vector<std::string> files = {w.path("out/trainval.record"), w.path("out/test.record")};
  for (const example& e : read_records(files)) {
    const checked_labels checked = to_labels(e, report.classes, {e.height, e.width});
    BOOST_TEST(checked.problems.empty());
    boxes += checked.truth.size();
  }
  BOOST_TEST(boxes == report.box_sizes.size());
}

BOOST_AUTO_TEST_CASE(the_raccoons_convert_as_their_test_record, *needs(data() / "raccoon")) {
  const workplace w;
  tutorial_options o;
  o.csv_input = (data() / "raccoon/test_labels.csv").string();
  o.image_dir = (data() / "raccoon/images").string();
  o.output_path = w.path("data/test.record");
  o.label_map = (data() / "raccoon/label_map.pbtxt").string();
  convert_csv(o);
  std::map<std::string, example> ours;
  for (example& e : read_records({o.output_path})) ours[e.filename] = std::move(e);
  const auto theirs = read_records({(data() / "raccoon/test.record").string()});
  BOOST_TEST(ours.size() == theirs.size());
  for (const example& e : theirs) {
    BOOST_REQUIRE_MESSAGE(ours.contains(e.filename), e.filename);
    const example& mine = ours[e.filename];
    BOOST_TEST((mine.height == e.height && mine.width == e.width));
    BOOST_REQUIRE(mine.objects.size() == e.objects.size());
    for (std::size_t i = 0; i < e.objects.size(); ++i) {
      BOOST_TEST((mine.objects[i].bounds == e.objects[i].bounds), e.filename);
      BOOST_TEST((mine.objects[i].text == e.objects[i].text && mine.objects[i].label == e.objects[i].label));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
