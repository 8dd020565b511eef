// SPDX-License-Identifier: MIT
// The expected texts are labelImg 1.8.6's own; test/label/labelimg.py compares with the program itself.
#include <odt/dataset/labelimg.hpp>
#include <odt/dataset/voc_xml.hpp>

#include <scratch.hpp>

#include <string>
#include <vector>

using odt::annotated_object;
using odt::annotation;
using odt::changed_labels;
using odt::label_change;
using odt::labelimg_text;

namespace {

const odt::labelimg_picture picture{"/data/my photos/a ä&b.jpg", {480, 640}, 3};

const std::string written = R"(<annotation verified="yes">
	<folder>my photos</folder>
	<filename>a ä&amp;b.jpg</filename>
	<path>/data/my photos/a ä&amp;b.jpg</path>
	<source>
		<database>Unknown</database>
	</source>
	<size>
		<width>640</width>
		<height>480</height>
		<depth>3</depth>
	</size>
	<segmented>0</segmented>
	<object>
		<name>cat &lt;1&gt;</name>
		<pose>Unspecified</pose>
		<truncated>1</truncated>
		<difficult>0</difficult>
		<bndbox>
			<xmin>1</xmin>
			<ymin>20</ymin>
			<xmax>100</xmax>
			<ymax>200</ymax>
		</bndbox>
	</object>
	<object>
		<name>chien-été</name>
		<pose>Unspecified</pose>
		<truncated>0</truncated>
		<difficult>1</difficult>
		<bndbox>
			<xmin>30</xmin>
			<ymin>40</ymin>
			<xmax>639</xmax>
			<ymax>479</ymax>
		</bndbox>
	</object>
</annotation>
)";

annotated_object box(const std::string& name, odt::pixel_box bounds, bool difficult = false) {
  annotated_object o;
  o.name = name;
  o.bounds = bounds;
  o.difficult = difficult;
  o.truncated = odt::labelimg_truncates(bounds, picture.size);
  return o;
}

std::vector<annotated_object> two_boxes() {
  return {box("cat <1>", {0.4, 20.7, 100.2, 200}), box("chien-été", {30, 40, 639, 479}, true)};
}

/// What the file says with these objects, which are all that differs.
std::string changed(const std::string& earlier, const std::vector<annotated_object>& wanted, bool verified = false) {
  const annotation shown = odt::parse_voc_xml(earlier, "a.xml");
  return changed_labels({earlier, "a.xml", shown.objects, {480, 640}, wanted, verified});
}

// An XML file as other programs write them, with what odt does not know.
const std::string foreign = R"(<?xml version="1.0"?>
<annotation>
  <folder>VOC2007</folder>
  <filename>a.jpg</filename>
  <owner><name>?</name></owner>
  <size><width>640</width><height>480</height><depth>3</depth></size>
  <!-- drawn by hand -->
  <object>
    <name>person</name>
    <pose>Left</pose>
    <truncated>0</truncated>
    <difficult>0</difficult>
    <bndbox><xmin>10.5</xmin><ymin>0</ymin><xmax>100</xmax><ymax>200</ymax></bndbox>
    <part><name>head</name><bndbox><xmin>20</xmin><ymin>5</ymin><xmax>40</xmax><ymax>30</ymax></bndbox></part>
  </object>
  <object>
    <name>dog</name>
    <bndbox><xmin>300</xmin><ymin>100</ymin><xmax>400</xmax><ymax>200</ymax></bndbox>
  </object>
  <object>
    <name>broken</name>
    <bndbox><xmin>here</xmin><ymin>100</ymin><xmax>400</xmax><ymax>200</ymax></bndbox>
  </object>
</annotation>
)";

bool has(const std::string& text, const std::string& piece) { return text.find(piece) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(labelimg)

BOOST_AUTO_TEST_CASE(writes_what_labelimg_writes) { BOOST_TEST(labelimg_text(picture, two_boxes(), true) == written); }

BOOST_AUTO_TEST_CASE(calls_truncated_what_touches_an_edge) {
  BOOST_TEST(odt::labelimg_truncates({1, 5, 9, 9}, {480, 640}));
  BOOST_TEST(odt::labelimg_truncates({0, 5, 9, 9}, {480, 640}));
  BOOST_TEST(odt::labelimg_truncates({2, 5, 640, 9}, {480, 640}));
  BOOST_TEST(odt::labelimg_truncates({2, 5, 9, 480.5}, {480, 640}));
  BOOST_TEST(!odt::labelimg_truncates({2, 2, 639, 479}, {480, 640}));
}

BOOST_AUTO_TEST_CASE(what_is_not_changed_stays_to_the_byte) {
  for (const std::string& text : {foreign, written}) {
    const annotation read = odt::parse_voc_xml(text, "a.xml");
    BOOST_TEST(changed(text, read.objects, read.verified) == text);
  }
}

BOOST_AUTO_TEST_CASE(a_box_that_goes_and_comes_back_leaves_labelimgs_file) {
  const auto all = two_boxes();
  const auto read = odt::parse_voc_xml(written, "a.xml").objects;
  const std::string one = changed(written, {read[0]}, true);
  BOOST_TEST(!has(one, "chien"));
  BOOST_TEST(changed(one, {read[0], all[1]}, true) == written);
}

BOOST_AUTO_TEST_CASE(a_change_keeps_what_it_does_not_concern) {
  auto objects = odt::parse_voc_xml(foreign, "a.xml").objects;
  BOOST_REQUIRE(objects.size() == 2);
  objects[1].bounds.xmax = 420;
  const std::string text = changed(foreign, objects);
  BOOST_TEST(has(text, "\t<owner>\n\t\t<name>?</name>"));
  BOOST_TEST(has(text, "<!-- drawn by hand -->"));
  BOOST_TEST(has(text, "<xmin>10.5</xmin>"));  // not moved by a pixel
  BOOST_TEST(has(text, "<ymin>0</ymin>"));
  BOOST_TEST(has(text, "<name>head</name>"));
  BOOST_TEST(has(text, "<xmin>here</xmin>"));  // what cannot be read is not lost
  BOOST_TEST(has(text, "<xmax>420</xmax>"));
  const annotation again = odt::parse_voc_xml(text, "a.xml");
  BOOST_TEST(again.objects.size() == 2);
  BOOST_TEST(again.problems.size() == 1);
}

BOOST_AUTO_TEST_CASE(a_moved_box_keeps_its_parts_and_a_removed_one_takes_them_along) {
  auto objects = odt::parse_voc_xml(foreign, "a.xml").objects;
  objects[0].bounds = {12, 3, 102, 203};
  BOOST_TEST(has(changed(foreign, objects), "<name>head</name>"));
  BOOST_TEST(has(changed(foreign, objects), "<pose>Left</pose>"));
  objects.erase(objects.begin());
  BOOST_TEST(!has(changed(foreign, objects), "<name>head</name>"));
}

BOOST_AUTO_TEST_CASE(several_boxes_of_an_object_become_objects) {
  const std::string text =
      "<annotation><filename>a.jpg</filename><object><name>x</name><bndbox><xmin>1</xmin><ymin>1"
      "</ymin><xmax>9</xmax><ymax>9</ymax></bndbox><bndbox><xmin>20</xmin><ymin>1</ymin><xmax>29"
      "</xmax><ymax>9</ymax></bndbox></object></annotation>";
  auto objects = odt::parse_voc_xml(text, "a.xml").objects;
  BOOST_REQUIRE(objects.size() == 2);
  BOOST_TEST(changed(text, objects) == text);
  objects[1].bounds.xmax = 33;
  const annotation read = odt::parse_voc_xml(changed(text, objects), "a.xml");
  BOOST_REQUIRE(read.objects.size() == 2);
  BOOST_TEST(read.objects[0].bounds.xmax == 9);
  BOOST_TEST(read.objects[1].bounds.xmax == 33);
}

BOOST_AUTO_TEST_CASE(verified_is_labelimgs_attribute) {
  const std::string plain = labelimg_text(picture, two_boxes(), false);
  BOOST_TEST(plain.starts_with("<annotation>\n"));
  BOOST_TEST(changed(plain, odt::parse_voc_xml(plain, "a.xml").objects, true) == written);
  BOOST_TEST(odt::parse_voc_xml(written, "a.xml").verified);
  BOOST_TEST(!odt::parse_voc_xml(plain, "a.xml").verified);
}

BOOST_AUTO_TEST_CASE(other_encodings_become_utf8) {
  const std::string text =
      "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><annotation><filename>\xE4.jpg</filename>"
      "<object><name>B\xE4r</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9"
      "</ymax></bndbox></object></annotation>";
  auto objects = odt::parse_voc_xml(text, "a.xml").objects;
  BOOST_TEST(changed(text, objects) == text);
  objects[0].difficult = true;
  BOOST_TEST(has(changed(text, objects), "<name>Bär</name>"));
}

BOOST_AUTO_TEST_CASE(boxes_of_a_turned_photo_are_written_upright) {
  annotation shown = odt::parse_voc_xml(foreign, "a.xml");
  for (auto& o : shown.objects) o.bounds = {o.bounds.ymin, o.bounds.xmin, o.bounds.ymax, o.bounds.xmax};
  auto wanted = shown.objects;
  BOOST_TEST(changed_labels({foreign, "a.xml", shown.objects, {640, 480}, wanted, false}) == foreign);
  wanted[1].difficult = true;
  const annotation read =
      odt::parse_voc_xml(changed_labels({foreign, "a.xml", shown.objects, {640, 480}, wanted, false}), "a.xml");
  BOOST_TEST((read.size == odt::size2{640, 480}));
  BOOST_TEST((read.objects[0].bounds == odt::pixel_box{1, 10, 200, 100}));
  BOOST_TEST(read.objects[0].pose == "Left");
}

BOOST_AUTO_TEST_SUITE_END()
