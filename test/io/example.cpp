// SPDX-License-Identifier: MIT
#include <odt/io/example.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/sha256.hpp>
#include <odt/io/tfrecord.hpp>

#include <golden.hpp>
#include <scratch.hpp>

#include <algorithm>
#include <initializer_list>
#include <limits>

namespace {

using odt::boxf;
using odt::example;
using odt::labelled_object;
using odt::test::check_close;
using odt::test::check_error;
using odt::test::json;

const odt::label_map animals({{1, "cat", "Cat the animal"}, {2, "dog", ""}, {3, "/m/0k4j", "car"}});

labelled_object object(const boxf& bounds, std::int64_t label, std::string text = "") {
  labelled_object made;
  made.bounds = bounds;
  made.label = label;
  made.text = std::move(text);
  return made;
}

example with(std::vector<labelled_object> objects) {
  example made;
  made.objects = std::move(objects);
  return made;
}

/// One problem whose text holds all pieces, and no usable object.
void check_refused(const labelled_object& wrong, std::initializer_list<std::string_view> pieces) {
  const auto result = odt::to_labels(with({object({0, 0, 1, 1}, 2), wrong}), animals, {10, 10});
  BOOST_CHECK_EQUAL(result.truth.size(), 1u);
  BOOST_REQUIRE_EQUAL(result.problems.size(), 1u);
  BOOST_CHECK(result.problems[0].starts_with("object 1: "));
  for (const std::string_view piece : pieces)
    BOOST_CHECK_MESSAGE(result.problems[0].find(piece) != std::string::npos, piece << " in " << result.problems[0]);
}

std::string field(int number, const std::string& content) {  // a length-delimited protobuf field below 128 bytes
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(content.size())} + content;
}

/// A serialized tf.Example with one feature: kind 1 bytes, 2 floats, 3 integers.
std::string with_feature(const std::string& key, int kind, const std::string& values) {
  return field(1, field(1, field(1, key) + field(2, field(kind, values))));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(example_tests)

BOOST_AUTO_TEST_CASE(what_is_written_is_read_back) {
  example out = with({object({0.1f, 0.2f, 0.5f, 0.6f}, 1, "cat"), object({0, 0, 1, 1}, 3, "/m/0k4j")});
  out.encoded = std::string("\xff\xd8\0bytes", 8);
  out.format = "jpeg", out.filename = "a.jpg", out.source_id = "a", out.height = 14, out.width = 18;
  out.objects[0].weight = 0.25f, out.objects[0].area = 40, out.objects[0].crowd = true;
  out.objects[1].difficult = out.objects[1].group_of = out.objects[1].truncated = true;
  out.objects[1].view = "Frontal";
  const std::string bytes = odt::serialize_example(out);
  const example in = odt::parse_example(bytes, "here");
  BOOST_CHECK(in.encoded == out.encoded && in.format == out.format && in.filename == out.filename);
  BOOST_CHECK(in.source_id == out.source_id && in.height == 14 && in.width == 18);
  BOOST_CHECK_EQUAL(in.key, odt::sha256(out.encoded));
  BOOST_CHECK(in.objects == out.objects);
  BOOST_CHECK(in.problems.empty());
  BOOST_CHECK(odt::serialize_example(in) == bytes);
}

odt::image mask_of(std::initializer_list<int> pixels, int height, int width) {
  odt::image mask(height, width, 1);
  std::ranges::copy(pixels, mask.pixels.begin());
  return mask;
}

/// Two objects of an image of 2 x 3 pixels, with masks.
example masked() {
  example e = with({object({0, 0, 1, 1}, 1, "cat"), object({0, 0, 0.5f, 1}, 2)});
  e.height = 2, e.width = 3;
  e.objects[0].mask = mask_of({0, 1, 1, 0, 0, 1}, 2, 3);
  e.objects[1].mask = mask_of({1, 0, 0, 0, 0, 0}, 2, 3);
  return e;
}

BOOST_AUTO_TEST_CASE(masks_are_written_and_read_in_both_ways) {
  const example out = masked();
  for (const auto type : {odt::mask_type::numerical, odt::mask_type::png}) {
    const std::string bytes = odt::serialize_example(out, type);
    BOOST_CHECK(odt::parse_example(bytes, "here", type).objects == out.objects);
    BOOST_CHECK(odt::parse_example(bytes, "here").objects[0].mask.pixels.empty());  // nobody asked
  }
  const auto truth = odt::to_labels(out, animals, {2, 3}).truth;
  BOOST_REQUIRE_EQUAL(truth.masks.size(), 2u);
  BOOST_CHECK(truth.masks[1] == out.objects[1].mask);
}

BOOST_AUTO_TEST_CASE(a_mask_goes_with_an_object_that_cannot_be_used) {
  example e = masked();
  e.objects[0].text = "bird";
  const auto truth = odt::to_labels(e, animals, {2, 3}).truth;
  BOOST_REQUIRE_EQUAL(truth.masks.size(), 1u);
  BOOST_CHECK(truth.masks[0] == e.objects[1].mask);
}

BOOST_AUTO_TEST_CASE(masks_that_do_not_fit_are_refused_with_record_box_and_sizes) {
  const auto read = [](const example& e, odt::mask_type written, odt::mask_type expected) {
    odt::parse_example(odt::serialize_example(e, written), "x.record, record 3", expected);
  };
  using enum odt::mask_type;
  check_error([&] { read(masked(), png, numerical); },
              {"x.record, record 3", "image/object/mask", "no numbers", "write PNG_MASKS"});
  check_error([&] { read(masked(), numerical, png); }, {"numbers, not PNG files", "write NUMERICAL_MASKS"});
  example none = masked();
  for (labelled_object& o : none.objects) o.mask = {};
  check_error([&] { read(none, png, png); }, {"x.record, record 3", "0 PNG files for 2 boxes"});
  check_error([&] { read(none, png, numerical); }, {"0 numbers", "2 x 3 pixels", "have 12"});
  example one = masked();
  one.objects[1].mask = {};
  check_error([&] { odt::serialize_example(one); }, {"mask of object 1 has 0 x 0", "2 x 3 x 1 is expected"});
  check_error(
      [&] {
        odt::check_masks(masked(), {3, 3}, "x.record, record 3");
      },
      {"x.record, record 3: the mask of object 0 has 2 x 3 pixels, the picture 3 x 3"});
  check_error([&] { odt::mask_of_png("GIF89a", "here: the mask of object 4"); },
              {"here: the mask of object 4", "no PNG file of 6 bytes"});
}

BOOST_AUTO_TEST_CASE(any_colour_of_a_mask_counts) {
  odt::image colours(1, 3, 3);
  colours.pixels = {0, 0, 0, 0, 0, 1, 255, 0, 0};
  BOOST_CHECK(odt::mask_of_png(odt::encode_png(colours), "here") == mask_of({0, 1, 1}, 1, 3));
}

BOOST_AUTO_TEST_CASE(the_apis_masks, *odt::test::needs(odt::test::golden() / "units/tf_example")) {
  const std::string folder = (odt::test::golden() / "units/tf_example").string();
  int seen = 0;
  for (const auto& c : odt::test::golden_cases("tf_example")) {
    if (!c.has_out("groundtruth_instance_masks")) continue;
    const odt::record_file records(folder + "/examples.tfrecord");
    const std::size_t index = c.content["inputs"]["record"];
    const bool png = c.params()["mask_type"] == "PNG_MASKS";
    const example e = odt::parse_example(records.read(index), records.place(index),
                                         png ? odt::mask_type::png : odt::mask_type::numerical);
    std::vector<std::uint8_t> pixels;
    for (const labelled_object& o : e.objects) pixels.insert(pixels.end(), o.mask.pixels.begin(), o.mask.pixels.end());
    check_close(pixels, c.out("groundtruth_instance_masks"), c, "masks");
    seen += !e.objects.empty();
  }
  BOOST_CHECK_EQUAL(seen, 2);
}

BOOST_AUTO_TEST_CASE(an_image_without_objects_is_an_example) {
  const example in = odt::parse_example(odt::serialize_example(with({})), "here");
  BOOST_CHECK(in.objects.empty() && in.problems.empty());
  BOOST_CHECK_EQUAL(odt::to_labels(in, animals, {5, 5}).truth.size(), 0u);
}

BOOST_AUTO_TEST_CASE(an_example_is_named_by_its_source_then_its_file) {
  example e;
  BOOST_CHECK_EQUAL(e.name("record 3"), "record 3");
  e.filename = "a.jpg";
  BOOST_CHECK_EQUAL(e.name("record 3"), "a.jpg");
  e.source_id = "7";
  BOOST_CHECK_EQUAL(e.name("record 3"), "7");
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_example_are_refused_with_their_place) {
  check_error([] { odt::parse_example("no example", "train.record, record 3"); },
              {"train.record, record 3", "10 bytes"});
  check_error([] { odt::parse_example(with_feature("image/encoded", 2, field(1, "\x01\x02\x03\x04")), "here"); },
              {"here", "image/encoded", "float_list", "bytes_list is expected"});
  check_error(
      [] { odt::parse_example(with_feature("image/object/bbox/xmin", 2, field(1, "\x01\x02\x03\x04")), "here"); },
      {"here", "image/object/bbox", "1 xmin", "all four"});
  check_error([] { odt::parse_example(with_feature("image/height", 3, field(1, "\xff\xff\xff\xff\xff\x01")), "here"); },
              {"here", "image/height", "pixels"});
}

/// The labels of an example, and how many of its bytes were read.
std::pair<example, std::uint64_t> labels_of(const std::string& serialized) {
  std::uint64_t bytes = 0;
  const odt::byte_source read = [&](std::uint64_t offset, std::span<char> out) {
    bytes += out.size();
    BOOST_REQUIRE(offset <= serialized.size() && out.size() <= serialized.size() - offset);
    std::copy_n(serialized.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
  };
  return {odt::parse_example_labels(serialized.size(), read, "here"), bytes};
}

void check_labels_alone(const std::string& serialized) {
  const auto whole = odt::parse_example(serialized, "here"), alone = labels_of(serialized).first;
  BOOST_CHECK(alone.encoded.empty());
  BOOST_CHECK(alone.objects == whole.objects);
  BOOST_CHECK_EQUAL(alone.source_id, whole.source_id);
  BOOST_CHECK_EQUAL(alone.height, whole.height);
  BOOST_CHECK(alone.problems == whole.problems);
}

BOOST_AUTO_TEST_CASE(labels_are_read_without_the_picture) {
  for (const std::size_t picture : {0, 1, 100, 3000, 300000}) {
    example e = with({object({0, 0, 1, 1}, 2, "dog"), object({0.25f, 0.5f, 0.75f, 1}, 1)});
    e.encoded.assign(picture, 'p');
    e.source_id = "a.jpg";
    e.height = 3;
    const std::string serialized = odt::serialize_example(e);
    check_labels_alone(serialized);
    BOOST_CHECK(labels_of(serialized).second < 8000);
  }
}

BOOST_AUTO_TEST_CASE(labels_of_bytes_laid_out_otherwise_are_read_all_the_same) {
  const std::string feature = field(1, field(1, "image/source_id") + field(2, field(1, field(1, "a.jpg"))));
  const std::string value_first = field(1, field(2, field(1, field(1, "a.jpg"))) + field(1, "image/source_id"));
  const std::string another = field(1, field(1, "image/object/class/text") + field(2, field(1, field(1, "x"))));
  for (const std::string& serialized :
       {field(1, feature), field(1, value_first), field(1, feature) + field(1, another)})
    check_labels_alone(serialized);
  check_error([] { labels_of("nonsense"); }, {"here: ", "8 bytes that are not a tf.Example"});
  BOOST_CHECK(labels_of("").first.objects.empty());
}

BOOST_AUTO_TEST_CASE(an_example_is_useless_when_it_has_objects_and_none_can_be_used) {
  const auto useless = [](std::vector<labelled_object> objects) {
    return odt::to_labels(with(std::move(objects)), animals, {10, 10}).useless();
  };
  const labelled_object good = object({0, 0, 1, 1}, 2), bad = object({5, 5, 9, 9}, 2);
  BOOST_CHECK(!useless({}) && !useless({good}) && !useless({bad, good}));
  BOOST_CHECK(useless({bad}) && useless({bad, bad}));
}

BOOST_AUTO_TEST_CASE(class_text_wins_over_the_label) {
  const example e = with({object({0, 0, 1, 1}, 1, "dog"), object({0, 0, 1, 1}, 2, "Cat the animal"),
                          object({0, 0, 1, 1}, 9, "/m/0k4j"), object({0, 0, 1, 1}, 3)});
  const auto result = odt::to_labels(e, animals, {10, 10});
  BOOST_CHECK(result.problems.empty());
  BOOST_CHECK(result.truth.classes == (std::vector<int>{1, 0, 2, 2}));
  const auto by_label = odt::to_labels(e, {}, {10, 10});
  BOOST_CHECK(by_label.truth.classes == (std::vector<int>{0, 1, 8, 2}));
}

BOOST_AUTO_TEST_CASE(areas_that_the_record_lacks_are_those_of_the_box) {
  example e = with({object({0.25f, 0.5f, 0.75f, 1}, 1), object({0, 0, 1, 1}, 1)});
  e.objects[1].area = 7;
  const auto result = odt::to_labels(e, animals, {40, 20});
  BOOST_CHECK(result.truth.areas == (std::vector<float>{200, 7}));
}

BOOST_AUTO_TEST_CASE(unknown_classes_are_reported) {
  check_refused(object({0, 0, 1, 1}, 1, "bird"), {"\"bird\"", "not in the label map"});
  check_refused(object({0, 0, 1, 1}, 0), {"no class"});
  check_refused(object({0, 0, 1, 1}, 4), {"label 4", "go up to 3"});
  check_refused(object({0, 0, 1, 1}, -2), {"label -2", "start at 1"});
  check_refused(object({0, 0, 1, 1}, 1ll << 40), {"out of range"});
}

BOOST_AUTO_TEST_CASE(boxes_that_cannot_be_used_are_reported) {
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  check_refused(object({nan, 0, 1, 1}, 1), {"nan", "not finite"});
  check_refused(object({0, 0, 1, inf}, 1), {"inf", "not finite"});
  check_refused(object({0.5f, 0, 0.25f, 1}, 1), {"ymin 0.5", "ymax 0.25", "inverted"});
  check_refused(object({0, 0.5f, 1, 0.25f}, 1), {"inverted"});
  check_refused(object({0.5f, 0, 0.5f, 1}, 1), {"no area"});
  check_refused(object({1.5f, 0, 2, 1}, 1), {"outside the image"});
  check_refused(object({0, -2, 1, 0}, 1), {"outside the image"});
  labelled_object negative = object({0, 0, 1, 1}, 1);
  negative.weight = -1;
  check_refused(negative, {"weight -1"});
}

BOOST_AUTO_TEST_CASE(boxes_that_reach_beyond_the_image_are_reported_and_clipped) {
  const auto result = odt::to_labels(with({object({-0.2f, 0.1f, 0.5f, 1.3f}, 1)}), animals, {10, 10});
  BOOST_REQUIRE_EQUAL(result.problems.size(), 1u);
  BOOST_CHECK(result.problems[0].find("beyond the image") != std::string::npos);
  BOOST_REQUIRE_EQUAL(result.truth.size(), 1u);
  BOOST_CHECK(result.truth.boxes[0] == (boxf{0, 0.1f, 0.5f, 1}));
  const auto rounded = odt::to_labels(with({object({0, 0, 1.0000002f, 1}, 1)}), animals, {10, 10});
  BOOST_CHECK(rounded.problems.empty());
  BOOST_CHECK(rounded.truth.boxes[0] == (boxf{0, 0, 1, 1}));
}

BOOST_AUTO_TEST_CASE(the_apis_decoder, *odt::test::needs(odt::test::golden() / "units/tf_example")) {
  const std::string folder = (odt::test::golden() / "units/tf_example").string();
  for (const auto& c : odt::test::golden_cases("tf_example")) {
    const odt::record_file records(folder + "/" + c.content["inputs"]["records"].get<std::string>());
    const std::size_t index = c.content["inputs"]["record"];
    const example e = odt::parse_example(records.read(index), records.place(index));
    BOOST_CHECK_EQUAL(e.source_id, c.content["outputs"]["source_id"].get<std::string>());
    BOOST_CHECK_EQUAL(e.filename, c.content["outputs"]["filename"].get<std::string>());
    BOOST_CHECK_EQUAL(e.key, c.content["outputs"]["key"].get<std::string>());
    if (!e.key.empty()) BOOST_CHECK_EQUAL(e.key, odt::sha256(e.encoded));
    BOOST_CHECK_EQUAL(e.problems.size(), e.source_id == "odd" ? 1u : 0u);  // one weight for three boxes

    const odt::image picture = odt::decode_image(e.encoded, records.place(index));
    const bool same_decoder = odt::has_turbojpeg() || e.filename.ends_with(".png");
    const double image_atol = c.content["tolerance"]["image_atol"];
    if (same_decoder)
      check_close(std::span<const std::uint8_t>(picture.pixels), c.out("image"), 0, image_atol, c.name());
    BOOST_CHECK(picture.height == c.out("original_image_spatial_shape")[0]);
    BOOST_CHECK(picture.width == c.out("original_image_spatial_shape")[1]);

    std::vector<float> boxes, weights, areas;
    std::vector<int> crowd, difficult, group_of;
    for (const labelled_object& o : e.objects) {
      for (const float side : {o.bounds.ymin, o.bounds.xmin, o.bounds.ymax, o.bounds.xmax}) boxes.push_back(side);
      weights.push_back(o.weight), areas.push_back(o.area);
      crowd.push_back(o.crowd), difficult.push_back(o.difficult), group_of.push_back(o.group_of);
    }
    check_close(boxes, c.out("groundtruth_boxes"), c, "boxes");
    weights.resize(c.out("groundtruth_weights").size());  // the API does not pad a list that is too short
    check_close(weights, c.out("groundtruth_weights"), c, "weights");
    const auto check_if_there = [&](const auto& values, const char* key) {
      if (c.out(key).size() > 0) check_close(values, c.out(key), c, key);
    };
    check_if_there(areas, "groundtruth_area");
    check_if_there(crowd, "groundtruth_is_crowd");
    check_if_there(difficult, "groundtruth_difficult");
    check_if_there(group_of, "groundtruth_group_of");
  }
}

BOOST_AUTO_TEST_CASE(the_apis_classes, *odt::test::needs(odt::test::golden() / "units/tf_example")) {
  const std::string folder = (odt::test::golden() / "units/tf_example").string();
  for (const auto& c : odt::test::golden_cases("tf_example")) {
    const odt::record_file records(folder + "/examples.tfrecord");
    const std::size_t index = c.content["inputs"]["record"];
    example e = odt::parse_example(records.read(index), records.place(index));
    for (labelled_object& o : e.objects) o.bounds = {0, 0, 1, 1};  // the classes alone
    e.problems.clear();
    const bool mapped = c.content["inputs"]["label_map"].is_string();
    const auto map = mapped ? odt::label_map::read(folder + "/label_map.pbtxt") : odt::label_map();
    std::vector<int> expected;
    for (const double id : c.out("groundtruth_classes").values)
      if (id >= 1) expected.push_back(static_cast<int>(id) - 1);
    const auto result = odt::to_labels(e, map, {10, 10});
    BOOST_CHECK_MESSAGE(result.truth.classes == expected, c.name());
    BOOST_CHECK_EQUAL(result.problems.size(), e.objects.size() - expected.size());  // what the API drops is reported
  }
}

BOOST_AUTO_TEST_CASE(the_apis_filters, *odt::test::needs(odt::test::golden() / "units/tf_example_filters")) {
  std::size_t seen = 0;
  for (const auto& c : odt::test::golden_cases("tf_example_filters")) {
    const std::string function = c.params()["function"];
    if (function.ends_with("crowd_boxes")) continue;  // crowds stay; metrics and losses know them
    ++seen;
    const bool by_class = function.ends_with("unrecognized_classes");
    const auto boxes = c.in("groundtruth_boxes"), classes = c.in("groundtruth_classes");
    example e;
    for (std::size_t i = 0; i < classes.size(); ++i) {
      const auto side = [&](std::size_t k) { return static_cast<float>(boxes[4 * i + k]); };
      const bool known = classes[i] >= 1;
      e.objects.push_back(object(by_class ? boxf{0, 0, 1, 1} : boxf{side(0), side(1), side(2), side(3)},
                                 by_class || known ? static_cast<std::int64_t>(classes[i]) : 2));
    }
    const auto result = odt::to_labels(e, {}, {10, 10});
    if (by_class) {
      std::vector<int> kept;
      for (const int label : result.truth.classes) kept.push_back(label + 1);
      check_close(kept, c.out("groundtruth_classes"), c);
    } else {
      std::vector<float> kept;
      for (const boxf& b : result.truth.boxes)
        for (const float value : {b.ymin, b.xmin, b.ymax, b.xmax}) kept.push_back(value);
      BOOST_CHECK_MESSAGE(kept == c.out("groundtruth_boxes").as<float>(), c.name());
    }
  }
  BOOST_CHECK_EQUAL(seen, 2u);
}

BOOST_AUTO_TEST_CASE(real_records, *odt::test::needs(odt::test::data() / "tf_files")) {
  const auto pets = odt::label_map::read((odt::test::data() / "label_maps/pet_label_map.pbtxt").string());
  const odt::record_file records((odt::test::data() / "tf_files/pets_examples.record").string());
  BOOST_REQUIRE_EQUAL(records.size(), 10u);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const example e = odt::parse_example(records.read(i), records.place(i));
    check_labels_alone(records.read(i));
    const odt::image picture = odt::decode_image(e.encoded, records.place(i));
    BOOST_CHECK(picture.height == e.height && picture.width == e.width);
    const auto result = odt::to_labels(e, pets, picture.size());
    BOOST_CHECK_MESSAGE(result.problems.empty(), odt::join(result.problems, "; "));
    BOOST_CHECK_EQUAL(result.truth.size(), e.objects.size());
    BOOST_CHECK_GE(result.truth.size(), 1u);
    BOOST_CHECK_EQUAL(result.truth.classes.at(0), e.objects.at(0).label - 1);
  }
}

BOOST_AUTO_TEST_SUITE_END()
