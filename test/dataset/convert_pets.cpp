// SPDX-License-Identifier: MIT
#include <odt/dataset/convert_pets.hpp>

#include "workplace.hpp"

#include <algorithm>

using namespace odt;
using namespace odt::test;

namespace {

/// A tree as the data set's.
struct pets : workplace {
  std::string list;

  pets() {
    for (const char* folder : {"annotations/xmls", "annotations/trimaps"}) fs::create_directories(root / folder);
  }

  pets_options what(bool faces_only = true) const { return {root.string(), faces_only}; }

  convert_options how(int shards = 1) const {
    convert_options o;
    o.output = path("out");
    o.shards = shards;
    o.threads = 2;
    return o;
  }

  void add_labels(const std::string& stem, std::vector<pixel_box> faces, size2 size) {
    annotation labels{"", stem + ".jpg", size, {}, {}};
    for (const pixel_box& face : faces) labels.objects.push_back(object("dog", face));
    add_xml("xmls/" + stem + ".xml", labels);
    list += stem + " 1 2 1\n";
    write_file(path("annotations/trainval.txt"), list);
  }

  /// A picture whose pet is the box within, with an unclear border of one pixel.
  void add_pet(const std::string& stem, size2 size = {48, 64}) {
    add_picture(stem + ".jpg", size.height, size.width);
    add_labels(stem, {{16, 12, 32, 24}}, size);
    add_trimap(stem, trimap(size));
  }

  static image trimap(size2 size) {
    image map(size.height, size.width, 1);
    for (int y = 0; y < size.height; ++y)
      for (int x = 0; x < size.width; ++x) {
        const auto within = [y, x](int edge) {
          return y >= 10 + edge && y < 40 - edge && x >= 8 + edge && x < 60 - edge;
        };
        *map.at(y, x) = within(1) ? 1 : within(0) ? 3 : 2;
      }
    return map;
  }

  void add_trimap(const std::string& stem, const image& map) const {
    write_image(path("annotations/trimaps/" + stem + ".png"), map);
  }

  std::vector<example> records(const std::string& name, int shards, std::optional<mask_type> masks = {}) const {
    std::vector<example> all;
    for (int i = 0; i < shards; ++i) {
      const record_file file(shard_name(path("out/" + name + ".record"), i, shards));
      for (std::size_t r = 0; r < file.size(); ++r) all.push_back(parse_example(file.read(r), file.place(r), masks));
    }
    return all;
  }
};

std::vector<std::string> names_of(const std::vector<example>& records) {
  std::vector<std::string> names;
  for (const example& e : records) names.push_back(e.filename);
  return names;
}

std::vector<std::string> beagles(std::initializer_list<int> numbers) {
  std::vector<std::string> names;
  for (const int i : numbers) names.push_back(str("beagle_", i, ".jpg"));
  return names;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(convert_pets_tests)

BOOST_AUTO_TEST_CASE(split_and_shards_are_the_apis) {
  pets w;
  for (int i = 0; i < 20; ++i) w.add_pet(str("beagle_", i));
  fs::remove(w.root / "annotations/xmls/beagle_14.xml");  // the third of the shuffled list
  const convert_report report = convert_pets(w.what(), w.how(2));
  BOOST_TEST(names_of(w.records("pet_faces_train", 2)) == beagles({19, 9, 15, 6, 17, 1, 5, 4, 13, 18, 12, 10, 11}),
             boost::test_tools::per_element());
  BOOST_TEST(names_of(w.records("pet_faces_val", 2)) == beagles({2, 7, 0, 16, 8, 3}), boost::test_tools::per_element());
  BOOST_TEST(report.count(conversion_problem::picture_left_out) == 1u);
  BOOST_TEST(report.problems_text().find("xmls/beagle_14.xml: there is no such file; trainval.txt lists "
                                         "\"beagle_14 1 2 1\"") != std::string::npos);
  BOOST_TEST(report.sets[0].name == "pet_faces_train");
}

BOOST_AUTO_TEST_CASE(faces_have_the_xmls_boxes_and_the_breeds_of_names) {
  pets w;
  for (const char* stem : {"boxer_1", "Bengal_20", "american_bulldog_3", "Abyssinian_4"}) w.add_pet(stem);
  convert_pets(w.what(), w.how(10));
  const auto map = label_map::read(w.path("out/label_map.pbtxt"));
  BOOST_TEST((map == label_map::from_names({"Abyssinian", "american_bulldog", "Bengal", "boxer"})));
  auto records = w.records("pet_faces_train", 10);
  std::ranges::move(w.records("pet_faces_val", 10), std::back_inserter(records));
  BOOST_TEST(records.size() == 4u);
  for (const example& e : records) {
    BOOST_REQUIRE(e.objects.size() == 1u);
    BOOST_TEST(e.filename.starts_with(e.objects[0].text + "_"));
    BOOST_TEST(e.objects[0].label == *map.id(e.objects[0].text));
    BOOST_TEST((e.objects[0].bounds == boxf{0.25f, 0.25f, 0.5f, 0.5f}));
  }
}

BOOST_AUTO_TEST_CASE(bodies_have_the_trimaps_masks_and_boxes) {
  for (const mask_type type : {mask_type::png, mask_type::numerical}) {
    pets w;
    for (const char* stem : {"beagle_1", "pug_2", "pug_3"}) w.add_pet(stem);
    convert_options how = w.how(10);
    how.masks = type;
    const convert_report report = convert_pets(w.what(false), how);
    BOOST_TEST(report.masks == 3u);
    BOOST_TEST(report.text().find("boxes with a mask: 3") != std::string::npos);
    const auto records = w.records("pets_fullbody_with_masks_train", 10, type);
    BOOST_TEST(records.size() == 2u);
    for (const example& e : records) {
      const labelled_object& pet = e.objects.at(0);
      BOOST_TEST((pet.bounds == boxf{10 / 48.f, 8 / 64.f, 39 / 48.f, 59 / 64.f}));  // its last row and column
      image expected = pets::trimap({48, 64});
      for (auto& value : expected.pixels) value = value != 2;
      BOOST_TEST((pet.mask == expected));
    }
    BOOST_TEST(w.records("pets_fullbody_with_masks_val", 10, type).size() == 1u);
  }
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_trimap_or_a_name_is_said) {
  pets w;
  for (int i = 1; i <= 9; ++i) w.add_pet(str("pug_", i));
  image wrong = pets::trimap({48, 64});
  *wrong.at(5, 7) = 0;
  w.add_trimap("pug_1", wrong);
  w.add_trimap("pug_8", pets::trimap({40, 64}));
  image none(48, 64, 1);
  std::ranges::fill(none.pixels, std::uint8_t{2});
  w.add_trimap("pug_4", none);
  w.add_trimap("pug_9", image(48, 64, 3));
  fs::remove(w.root / "annotations/trimaps/pug_5.png");
  w.add_pet("pug");
  const std::string text = convert_pets(w.what(false), w.how()).problems_text();
  for (const char* piece :
       {"trimaps/pug_1.png: row 5, column 7 is 0; a trimap has 1",
        "mask of \"pug\" has 64x40 pixels, the picture 64x48", "mask of \"pug\" covers 0x0 pixels",
        "pug_9.png: a trimap is a gray PNG", "trimaps/pug_5.png", "the picture is called pug.jpg; the breed"})
    BOOST_CHECK_MESSAGE(text.find(piece) != std::string::npos, piece << " is not in " << text);
  convert_options strict = w.how();
  strict.output = w.path("strict");
  strict.on_bad_example = bad_example::fail;
  BOOST_CHECK_EXCEPTION(convert_pets(w.what(false), strict), error, says("column 7 is 0"));
  BOOST_CHECK_EXCEPTION(convert_pets({w.path("nowhere")}, w.how()), error, says("nowhere"));
}

BOOST_AUTO_TEST_CASE(a_label_map_that_is_there_counts) {
  pets w;
  for (const char* stem : {"pug_1", "beagle_2", "pug_3"}) w.add_pet(stem);
  write_file(w.path("map.pbtxt"), label_map({{7, "pug", ""}, {9, "beagle", ""}}).text());
  convert_options how = w.how();
  how.label_map = w.path("map.pbtxt");
  convert_pets(w.what(), how);
  for (const example& e : w.records("pet_faces_train", 1))
    BOOST_TEST(e.objects.at(0).label == (e.objects[0].text == "pug" ? 7 : 9));
}

BOOST_AUTO_TEST_CASE(real_photos, *needs(data() / "tf_files/pets_examples.record")) {
  pets w;
  const record_file photos((data() / "tf_files/pets_examples.record").string());
  for (std::size_t i = 0; i < photos.size(); ++i) {
    const example e = parse_example(photos.read(i), photos.place(i));
    const std::string stem = e.filename.substr(0, e.filename.rfind('.'));
    write_file(w.path("images/" + stem + ".jpg"), e.encoded);
    const boxf& b = e.objects.at(0).bounds;
    w.add_labels(stem,
                 {{std::round(double{b.xmin} * e.width), std::round(double{b.ymin} * e.height),
                   std::round(double{b.xmax} * e.width), std::round(double{b.ymax} * e.height)}},
                 {e.height, e.width});
    w.add_trimap(stem, pets::trimap({e.height, e.width}));
  }
  for (const bool faces : {true, false}) {
    const convert_report report = convert_pets(w.what(faces), w.how(10));
    BOOST_CHECK_MESSAGE(report.left_out() == 0u, report.text());
    BOOST_TEST(report.sets[0].pictures == 7u);
    BOOST_TEST(report.sets[1].pictures == 3u);
  }
  const auto bodies = w.records("pets_fullbody_with_masks_train", 10, mask_type::png);
  for (const example& e : bodies) BOOST_TEST((e.objects.at(0).mask.size() == size2{e.height, e.width}));
}

BOOST_AUTO_TEST_SUITE_END()
