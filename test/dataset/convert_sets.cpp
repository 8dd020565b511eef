// SPDX-License-Identifier: MIT
#include <odt/dataset/convert_sets.hpp>

#include "workplace.hpp"

#include <set>

using namespace odt;
using namespace odt::test;

namespace {

std::set<std::string> problems(const convert_report& report, conversion_problem::outcome kind) {
  std::set<std::string> texts;
  for (const conversion_problem& problem : report.problems)
    if (problem.done == kind) texts.insert(problem.text);
  return texts;
}

bool any_holds(const std::set<std::string>& texts, std::initializer_list<std::string> pieces) {
  for (const std::string& text : texts)
    if (std::ranges::all_of(pieces, [&](const std::string& piece) { return text.find(piece) != std::string::npos; }))
      return true;
  for (const std::string& text : texts) BOOST_TEST_MESSAGE(text);
  return false;
}

annotation labels_of(const std::string& filename, std::vector<annotated_object> objects) {
  return {"", filename, {48, 64}, std::move(objects), {}};
}

constexpr auto header = "filename,width,height,class,xmin,ymin,xmax,ymax\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(convert_sets_tests)

BOOST_AUTO_TEST_CASE(labels_follow_the_name_of_their_own_file) {
  const workplace w;
  for (const char* name : {"img_1", "img_2"}) w.add_picture(str(name, ".jpg"));
  w.add_xml("img_1.xml", labels_of("img_2.jpg", {object("a", {1, 1, 9, 9})}));
  w.add_xml("img_2.xml", labels_of("img_3.jpg", {object("b", {1, 1, 9, 9})}));
  convert_options o = w.options();
  o.split = 1;
  const convert_report report = convert_voc(o);
  for (const example& e : read_records({w.path("out/train.record")}))
    BOOST_TEST(e.objects.at(0).text == (e.filename == "img_1.jpg" ? "a" : "b"));
  const auto guesses = problems(report, conversion_problem::guessed);
  BOOST_TEST(guesses.size() == 2u);
  BOOST_TEST(any_holds(guesses, {"img_1.xml:3: ", "\"img_2.jpg\", which is there too"}));
  BOOST_TEST(report.text().find("taken by a guess; see whether it is right: 2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(of_several_claims_to_a_picture_the_surest_has_it) {
  const workplace w;
  w.add("a", {object("box", {1, 1, 9, 9})});
  w.add_xml("a (1).xml", labels_of("a.jpg", {object("box", {1, 1, 9, 9})}));
  w.add_xml("a-copy.xml", labels_of("a.jpg", {object("cat", {0, 0, 10, 10})}));
  w.add_picture("b.jpg");
  w.add_xml("b1.xml", labels_of("b.jpg", {object("box", {1, 1, 9, 9})}));
  w.add_xml("b2.xml", labels_of("b.jpg", {object("box", {2, 1, 9, 9})}));
  convert_options o = w.options();
  o.split = 1;
  const convert_report report = convert_voc(o);
  const auto records = read_records({w.path("out/train.record")});
  BOOST_REQUIRE(records.size() == 1u);
  BOOST_TEST(records[0].objects.at(0).text == "box");
  const auto left_out = problems(report, conversion_problem::picture_left_out);
  BOOST_TEST(left_out.size() == 4u);
  BOOST_TEST(any_holds(left_out, {"a-copy.xml:3: claims ", "a.jpg, which ", "a.xml:3 has by a closer name"}));
  BOOST_TEST(any_holds(left_out, {"a (1).xml:3: claims "}));
  BOOST_TEST(any_holds(left_out, {"b1.xml:3: claims ", "b.jpg, and so does ", "b2.xml:3; keep the right one"}));
  BOOST_TEST((label_map::read(w.path("out/label_map.pbtxt")) == label_map::from_names({"box"})));
  o.on_bad_example = bad_example::fail;
  BOOST_CHECK_EXCEPTION(convert_voc(o), error, says("4 pictures or boxes cannot be used"));
}

BOOST_AUTO_TEST_CASE(of_several_spellings_in_a_table_the_exact_one_counts) {
  const workplace w;
  w.add_picture("a.jpg");
  write_file(w.path("t.csv"),
             str(header, "a,64,48,box,1,2,30,40\na.jpg,64,48,cat,1,2,30,40\nA.JPG,64,48,dog,1,2,3,4\n"));
  convert_options o = w.options();
  o.annotations = w.path("t.csv");
  const convert_report report = convert_csv(o);
  const auto records = read_records({w.path("out/train.record")});
  BOOST_REQUIRE((records.size() == 1u && records[0].objects.size() == 1u));
  BOOST_TEST(records[0].objects[0].text == "cat");
  BOOST_TEST(report.count(conversion_problem::picture_left_out) == 2u);
}

BOOST_AUTO_TEST_CASE(a_picture_in_two_lists_or_twice_in_one_is_said) {
  const workplace w;
  for (const char* stem : {"a", "b b"}) w.add(stem, {object("cat", {1, 1, 9, 9})});
  write_file(w.path("train.txt"), "b b\na.jpg 1\na\n");
  write_file(w.path("val.txt"), "photos/a.xml\n");
  convert_options o = w.options();
  o.ids = {w.path("train.txt"), w.path("val.txt")};
  const convert_report report = convert_voc(o);
  BOOST_TEST(report.sets.at(0).pictures == 2u);
  BOOST_TEST(report.sets.at(1).pictures == 1u);
  const auto guesses = problems(report, conversion_problem::guessed);
  BOOST_TEST(guesses.size() == 2u);
  BOOST_TEST(any_holds(guesses, {"a.jpg: is in the sets train and val"}));
  BOOST_TEST(any_holds(guesses, {"a.xml:3: is listed more than once for train; taken once"}));
}

BOOST_AUTO_TEST_CASE(names_of_endings_in_capital_letters_are_read) {
  const workplace w;
  w.add("a", {object("cat", {1, 1, 9, 9})});
  w.add_picture("B.JPG");
  w.add_xml("B.XML", labels_of("B.JPG", {object("cat", {1, 1, 9, 9})}));
  convert_options o = w.options();
  o.split = 1;
  const convert_report report = convert_voc(o);
  BOOST_TEST((report.sets.at(0).pictures == 2u && report.problems.empty()));
}

BOOST_AUTO_TEST_CASE(a_table_finds_pictures_by_their_folders) {
  const workplace w;
  for (const char* name : {"train/a.jpg", "test/a.jpg"}) {
    fs::create_directories((w.root / "images" / name).parent_path());
    w.add_picture(name);
  }
  write_file(w.path("t.csv"), str(header, "train/a.jpg,64,48,box,16,12,48,36\ntest/a.jpg,64,48,box,1,2,10,11\n"));
  convert_options o = w.options();
  o.annotations = w.path("t.csv");
  o.split = 1;
  BOOST_TEST(convert_csv(o).sets.at(0).pictures == 2u);
  o.images = w.path("images/train");
  o.output = w.path("out2");
  const convert_report report = convert_csv(o);
  const auto records = read_records({w.path("out2/train.record")});
  BOOST_REQUIRE((records.size() == 1u && records[0].objects.size() == 1u));
  BOOST_TEST((records[0].objects[0].bounds == boxf{.25f, .25f, .75f, .75f}));
  BOOST_TEST(any_holds(problems(report, conversion_problem::picture_left_out),
                       {"t.csv:3: there is no picture \"test/a.jpg\""}));

  // Folders of another machine
  write_file(w.path("u.csv"), str(header, "C:\\photos\\a.jpg,64,48,box,16,12,48,36\n"));
  o.annotations = w.path("u.csv");
  o.output = w.path("out3");
  BOOST_TEST(any_holds(problems(convert_csv(o), conversion_problem::guessed),
                       {"u.csv: its pictures lie in C:/photos", "by their names alone"}));
}

BOOST_AUTO_TEST_CASE(a_label_map_has_the_classes_of_usable_boxes_alone) {
  const workplace w;
  w.add("a", {object("box", {16, 12, 48, 36}), object("ghost", {5, 5, 5, 9})});
  w.add("b", {object("phantom", {500, 5, 600, 9})});
  convert_options o = w.options();
  o.split = 1;
  const convert_report report = convert_voc(o);
  BOOST_TEST((label_map::read(w.path("out/label_map.pbtxt")) == label_map::from_names({"box"})));
  BOOST_TEST(report.sets.at(0).boxes == std::vector<std::size_t>{1});
  const auto left_out = problems(report, conversion_problem::box_left_out);
  BOOST_TEST(left_out.size() == 2u);
  BOOST_TEST(any_holds(left_out, {"the box of \"ghost\" is empty"}));
  BOOST_TEST(any_holds(left_out, {"the box of \"phantom\" lies outside the picture"}));
}

BOOST_AUTO_TEST_CASE(when_nothing_can_be_used_all_reasons_are_given) {
  const workplace w;
  w.add_picture("a.jpg");
  w.add_picture("b.jpg");
  convert_options o = w.options();
  o.annotations = w.path("t.csv");
  write_file(o.annotations, "filename;width;height;class;xmin;ymin;xmax;ymax\na.jpg;64;48;box;16,5;12;48;36\n");
  BOOST_CHECK_EXCEPTION(convert_csv(o), error, says("t.csv:2: xmin is \"16,5\"; a number of pixels is needed"));
  write_file(o.annotations,
             str(header, "a.jpg,64,48,box,70,1,80,9\nb.jpg,99,48,box,1,1,9,9\nc.jpg,64,48,box,1,1,9,9\n"));
  for (const std::string reason : {"t.csv:2: the box of \"box\" lies outside", "the labels are for a picture of 99x48",
                                   "t.csv:4: there is no picture \"c.jpg\""})
    BOOST_CHECK_EXCEPTION(convert_csv(o), error, says(reason));
  write_file(o.annotations, str(header, "a.jpg,,,,,,,\n"));
  BOOST_CHECK_EXCEPTION(convert_csv(o), error, says("no picture has an object that can be used"));
}

BOOST_AUTO_TEST_CASE(boxes_between_0_and_1_are_taken_as_shares_only_when_asked) {
  const workplace w;
  w.add_picture("a.jpg");
  convert_options o = w.options();
  o.annotations = w.path("t.csv");
  write_file(o.annotations, str(header, "a.jpg,64,48,box,0.25,0.25,0.5,1\n"));
  BOOST_CHECK_EXCEPTION(convert_csv(o), error, says("t.csv:2: the box of \"box\" lies between 0 and 1: xmin 0.25"));
  BOOST_CHECK_EXCEPTION(convert_csv(o), error, says("--normalized"));
  o.normalized = true;
  convert_csv(o);
  BOOST_TEST((read_records({w.path("out/train.record")}).at(0).objects.at(0).bounds == boxf{.25f, .25f, 1, .5f}));
  write_file(o.annotations, str(header, "a.jpg,64,48,box,16,12,32,24\n"));
  BOOST_CHECK_EXCEPTION(convert_csv(o), error,
                        says("lies outside the picture: xmin 16, ymin 12, xmax 32, ymax 24 in shares of"));
}

BOOST_AUTO_TEST_CASE(where_exif_and_size_tell_nothing_it_is_said) {
  // Of a square or of a half turn, and without a size, the stored and the upright picture look alike by size.
  struct kind {
    int height, width;
    char orientation;
    size2 size;
  };
  for (const kind& k : {kind{48, 64, 3, {48, 64}}, kind{64, 64, 6, {64, 64}}, kind{48, 64, 6, {}}}) {
    const pixel_box drawn{1, 2, 31, 42};
    const size2 stored{k.height, k.width};
    for (const bool as_stored : {false, true}) {
      const workplace w;
      w.add_picture("p.jpg", k.height, k.width);
      write_file(w.path("images/p.jpg"), oriented(read_file(w.path("images/p.jpg")), k.orientation));
      w.add_xml("p.xml", {"", "p.jpg", k.size, {object("box", drawn)}, {}});
      convert_options o = w.options();
      o.turned = as_stored ? labels_of_turned::stored : labels_of_turned::upright;
      const convert_report report = convert_voc(o);
      BOOST_TEST(any_holds(
          problems(report, conversion_problem::guessed),
          {str("p.jpg has EXIF orientation ", int{k.orientation}), as_stored ? "taken as stored" : "taken as upright",
           as_stored ? "--exif upright" : "--exif stored"}));
      const example e = read_records({w.path("out/train.record")}).at(0);
      const pixel_box b = as_stored ? turn_upright(drawn, k.orientation, stored) : drawn;
      const auto part = [](double position, int length) { return static_cast<float>(position / length); };
      BOOST_TEST((e.objects.at(0).bounds ==
                  boxf{part(b.ymin, e.height), part(b.xmin, e.width), part(b.ymax, e.height), part(b.xmax, e.width)}));
    }
  }
}

BOOST_AUTO_TEST_CASE(labels_of_a_smaller_stored_picture_are_turned_and_scaled) {
  const workplace w;
  w.add_picture("p.jpg", 48, 64);
  write_file(w.path("images/p.jpg"), oriented(read_file(w.path("images/p.jpg")), 6));
  w.add_xml("p.xml", {"", "p.jpg", {24, 32}, {object("box", {8, 6, 16, 12})}, {}});
  convert_voc(w.options());
  BOOST_TEST((read_records({w.path("out/train.record")}).at(0).objects.at(0).bounds == boxf{.25f, .5f, .5f, .75f}));
}

BOOST_AUTO_TEST_CASE(sets_can_be_named_and_nothing_is_replaced_unasked) {
  const workplace w;
  w.add("a", {object("cat", {1, 1, 9, 9})});
  convert_options o = w.options();
  o.set = "valid";
  BOOST_TEST(convert_voc(o).sets.at(0).files == std::vector<std::string>{w.path("out/valid.record")});
  o.set = "train";
  convert_voc(o);
  convert_voc(o);  // the same bytes again
  const std::string before = read_file(w.path("out/train.record"));
  w.add("b", {object("cat", {1, 1, 9, 9})});
  BOOST_CHECK_EXCEPTION(convert_voc(o), error,
                        says("out/train.record: is there already, with other content; --overwrite"));
  BOOST_TEST((read_file(w.path("out/train.record")) == before));
  o.overwrite = true;
  convert_voc(o);
  BOOST_TEST((read_file(w.path("out/train.record")) != before));
  o.set = "a/b";
  BOOST_CHECK_EXCEPTION(convert_voc(o), error, says("set: \"a/b\""));
  o.set = "train", o.ids = {"x.txt"};
  BOOST_CHECK_EXCEPTION(convert_voc(o), error, says("set: the lists of ids name their sets"));
}

BOOST_AUTO_TEST_CASE(nothing_that_was_given_is_written_over) {
  const workplace w;
  w.add_picture("a.jpg");
  write_file(w.path("t.csv"), str(header, "a.jpg,64,48,cat,16,12,32,24\n"));
  fs::create_symlink(w.root / "t.csv", w.root / "link.record");
  fs::create_hard_link(w.root / "images/a.jpg", w.root / "train.record");
  tutorial_options o;
  o.csv_input = w.path("t.csv");
  o.image_dir = w.path("images");
  o.overwrite = true;
  for (const char* output : {"t.csv", "./images/../t.csv", "link.record", "images/a.jpg", "train.record"}) {
    o.output_path = w.path(output);
    BOOST_CHECK_EXCEPTION(convert_csv(o), error, says("was given and would be written over"));
  }
  BOOST_TEST(read_file(w.path("t.csv")).starts_with("filename,"));
}

BOOST_AUTO_TEST_CASE(classes_can_be_given_in_the_order_of_their_ids) {
  const workplace w;
  w.add("a", {object("cat", {1, 1, 9, 9})});
  convert_options o = w.options();
  o.classes = {"dog", "cat"};
  convert_voc(o);
  BOOST_TEST(read_records({w.path("out/train.record")}).at(0).objects.at(0).label == 2);
  BOOST_TEST((label_map::read(w.path("out/label_map.pbtxt")) == label_map::from_names({"dog", "cat"})));
  o.classes = {"cat", "dog"};
  BOOST_CHECK_EXCEPTION(convert_voc(o), error,
                        says("out/label_map.pbtxt: is there already, and its classes are not cat, dog"));
}

BOOST_AUTO_TEST_CASE(what_is_odd_about_classes_is_said) {
  const workplace w;
  w.add("a", {object("Circle", {1, 1, 9, 9}), object("circle", {1, 1, 9, 9}), object("circle", {1, 1, 9, 9}),
              object("caf\u00E9\u00A0", {1, 1, 9, 9})});
  w.add("b", {object("square", {1, 1, 9, 9})});
  convert_options o = w.options();
  write_file(w.path("train.txt"), "a\n");
  write_file(w.path("val.txt"), "b\n");
  o.ids = {w.path("train.txt"), w.path("val.txt")};
  const std::string text = convert_voc(o).text();
  for (const std::string sentence :
       {"\"Circle\" and \"circle\" are two classes; they differ only in upper and lower case",
        "holds U+00A0 no-break space", "\"Circle\" has 1 box in all", "\"circle\" has 2 boxes in all",
        "\"square\" occurs in val, not in train", "\"circle\" occurs in train, not in val",
        "boxes that occur twice in their picture, with the same class: 1",
        "pictures with the bytes of another one: 1 (b.jpg is a.jpg)"})
    BOOST_TEST(text.find(sentence) != std::string::npos, sentence << " in " << text);
}

BOOST_AUTO_TEST_CASE(labels_that_are_not_read_are_reported) {
  const workplace w;
  w.add("a", {object("cat", {1, 1, 9, 9})});
  std::string xml = read_file(w.path("annotations/a.xml"));
  xml.insert(xml.find("</object>"), "<polygon><x1>1</x1></polygon>");
  write_file(w.path("annotations/a.xml"), xml);
  fs::create_directories(w.root / "annotations/more");
  write_file(w.path("annotations/more/b.xml"), xml);
  const auto unread = problems(convert_voc(w.options()), conversion_problem::not_read);
  BOOST_TEST(unread.size() == 2u);
  BOOST_TEST(any_holds(unread, {"a.xml:", "<polygon> within <object>"}));
  BOOST_TEST(any_holds(unread, {"annotations/more: 1 .xml files"}));
}

BOOST_AUTO_TEST_CASE(a_list_of_classes_serves_as_label_map) {
  const workplace w;
  w.add("a", {object("cat", {1, 1, 9, 9}), object("Dog", {1, 1, 9, 9})});
  write_file(w.path("classes.txt"), "dog\r\ncat\r\n");
  convert_options o = w.options();
  o.label_map = w.path("classes.txt");
  const convert_report report = convert_voc(o);
  BOOST_TEST(read_records({w.path("out/train.record")}).at(0).objects.at(0).label == 2);
  BOOST_TEST(any_holds(problems(report, conversion_problem::box_left_out),
                       {"class \"Dog\" is not in the label map", "\"dog\" differs in upper and lower case"}));
  BOOST_TEST(read_file(o.label_map) == "dog\r\ncat\r\n");
  write_file(w.path("data.yaml"), "train: images\nnames: ['cat']\n");
  o.label_map = w.path("data.yaml");
  BOOST_CHECK_EXCEPTION(convert_voc(o), error, says("data.yaml: is YAML"));
}

BOOST_AUTO_TEST_CASE(no_file_is_written_for_two_purposes) {
  const workplace w;
  for (const char* stem : {"a", "b"}) w.add(stem, {object("cat", {1, 1, 9, 9})});
  for (const char* folder : {"2007", "2012"}) fs::create_directories(w.root / folder);
  write_file(w.path("2007/train.txt"), "a\n");
  write_file(w.path("2012/train.txt"), "b\n");
  convert_options o = w.options();
  o.ids = {w.path("2007/train.txt"), w.path("2012/train.txt")};
  const std::string both =
      str("out/train.record: would hold the pictures of ", o.ids[0], " and the pictures of ", o.ids[1], "; each needs");
  BOOST_CHECK_EXCEPTION(convert_voc(o), error, says(both));
  write_file(w.path("t.csv"), str(header, "a.jpg,64,48,cat,1,2,30,40\nb.jpg,64,48,cat,1,2,30,40\n"));
  o.annotations = w.path("t.csv");
  BOOST_CHECK_EXCEPTION(convert_csv(o), error, says(both));
  o.shards = 2;
  BOOST_CHECK_EXCEPTION(convert_csv(o), error, says("train.record-00000-of-00002: would hold the pictures of "));
  o.shards = 1;
  o.ids = {o.ids[0]};
  o.label_map = w.path("2007/../out/train.record");
  BOOST_CHECK_EXCEPTION(convert_csv(o), error, says("train.txt and the label map; each needs"));
  tutorial_options tutorial;
  tutorial.csv_input = w.path("t.csv");
  tutorial.image_dir = w.path("images");
  tutorial.output_path = tutorial.label_map = w.path("x.record");
  BOOST_CHECK_EXCEPTION(convert_csv(tutorial), error,
                        says("x.record: would hold the set x and the label map; each needs"));
  BOOST_TEST((fs::is_empty(w.root / "out") && !fs::exists(w.root / "x.record")));
}

BOOST_AUTO_TEST_CASE(the_folder_of_the_label_map_is_made_before_the_pictures_are_read) {
  const workplace w;
  w.add("a", {object("cat", {1, 1, 9, 9})});
  convert_options o = w.options();
  o.label_map = w.path("new/folder/map.pbtxt");
  convert_voc(o);
  BOOST_TEST((label_map::read(o.label_map) == label_map::from_names({"cat"})));
  write_file(w.path("file"), "");
  o.label_map = w.path("file/map.pbtxt");
  o.progress = [](std::size_t, std::size_t) { BOOST_ERROR("a picture was read"); };
  BOOST_CHECK_EXCEPTION(convert_voc(o), error, says("/file"));
}

BOOST_AUTO_TEST_CASE(the_advice_about_records_that_are_there_is_possible) {
  const workplace w;
  w.add("a", {object("cat", {1, 1, 9, 9})});
  write_file(w.path("train.txt"), "a\n");
  convert_options o = w.options();
  o.ids = {w.path("train.txt")};
  fs::create_directories(w.root / "out");
  write_file(w.path("out/train.record"), "other");
  const auto names_only = [](std::string flag, std::string other) {
    return [=](const error& e) {
      const std::string text = e.what();
      BOOST_TEST_MESSAGE(text);
      return text.find("--overwrite replaces it, and " + flag + " gives") != std::string::npos &&
             text.find(other) == std::string::npos;
    };
  };
  BOOST_CHECK_EXCEPTION(convert_voc(o), error, names_only("--output", "--set"));
  write_file(w.path("t.csv"), str(header, "a.jpg,64,48,cat,1,2,30,40\n"));
  tutorial_options tutorial;
  tutorial.csv_input = w.path("t.csv");
  tutorial.image_dir = w.path("images");
  tutorial.output_path = w.path("out/train.record");
  BOOST_CHECK_EXCEPTION(convert_csv(tutorial), error, names_only("--output_path", "--set"));
}

BOOST_AUTO_TEST_SUITE_END()
