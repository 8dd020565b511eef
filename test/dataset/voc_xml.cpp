// SPDX-License-Identifier: MIT
#include <odt/dataset/voc_xml.hpp>

#include <odt/core/error.hpp>

#include "../golden.hpp"

using namespace odt;
using namespace odt::test;

namespace {

const std::string labelimg = R"(<annotation verified="yes">
	<folder>images</folder>
	<filename>cat 1.jpg</filename>
	<path>C:\photos\cat 1.jpg</path>
	<size>
		<width>640</width>
		<height>480</height>
		<depth>3</depth>
	</size>
	<object>
		<name> cat </name>
		<pose>Left</pose>
		<truncated>1</truncated>
		<difficult>1</difficult>
		<bndbox>
			<xmin>10</xmin>
			<ymin>20.5</ymin>
			<xmax>110</xmax>
			<ymax>220</ymax>
		</bndbox>
	</object>
	<object>
		<name>dog &amp; bone</name>
		<bndbox><ymax>4</ymax><xmax>3</xmax><ymin>2</ymin><xmin>1</xmin></bndbox>
	</object>
</annotation>
)";

std::string with(std::string text, const std::string& what, const std::string& instead) {
  return text.replace(text.find(what), what.size(), instead);
}

auto says(const std::string& piece) {
  return [piece](const error& e) {
    BOOST_TEST_MESSAGE(e.what());
    return std::string(e.what()).find(piece) != std::string::npos;
  };
}

/// The one problem of a text whose other objects stay.
std::string problem_of(const std::string& text) {
  const annotation a = parse_voc_xml(text, "a.xml");
  BOOST_TEST(a.objects.size() == 1u);
  BOOST_REQUIRE(a.problems.size() == 1u);
  return a.problems[0];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(voc_xml_tests)

BOOST_AUTO_TEST_CASE(labels_of_labelimg_are_read) {
  const annotation a = parse_voc_xml(labelimg, "a.xml");
  BOOST_TEST(a.filename == "cat 1.jpg");
  BOOST_TEST((a.size == size2{480, 640}));
  BOOST_TEST(a.problems.empty());
  BOOST_REQUIRE(a.objects.size() == 2u);
  BOOST_TEST(a.objects[0].name == "cat");
  BOOST_TEST((a.objects[0].bounds == pixel_box{10, 20.5, 110, 220}));
  BOOST_TEST((a.objects[0].difficult && a.objects[0].truncated && a.objects[0].pose == "Left"));
  BOOST_TEST(a.objects[0].place == "a.xml:10");
  BOOST_TEST(a.objects[1].name == "dog & bone");
  BOOST_TEST((a.objects[1].bounds == pixel_box{1, 2, 3, 4}));
  BOOST_TEST(a.objects[1].place == "a.xml:22");
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read_again) {
  const annotation a = parse_voc_xml(labelimg, "a.xml");
  const annotation b = parse_voc_xml(voc_xml_text(a), "b.xml");
  BOOST_TEST(b.filename == a.filename);
  BOOST_TEST((b.size == a.size));
  BOOST_REQUIRE(b.objects.size() == 2u);
  BOOST_TEST(b.objects[1].name == "dog & bone");
  BOOST_TEST((b.objects[0].bounds == pixel_box{10, 21, 110, 220}));
  BOOST_TEST((b.objects[0].difficult && b.objects[0].truncated && b.objects[0].pose == "Left"));
}

BOOST_AUTO_TEST_CASE(xml_that_is_none_is_an_error_with_file_and_line) {
  BOOST_CHECK_EXCEPTION(parse_voc_xml("", "a.xml"), error, says("a.xml: the file is empty"));
  BOOST_CHECK_EXCEPTION(parse_voc_xml(labelimg.substr(0, 300), "a.xml"), error, says("a.xml:"));
  BOOST_CHECK_EXCEPTION(parse_voc_xml(with(labelimg, "</size>", "</siz>"), "a.xml"), error,
                        says("a.xml:9: not well-formed XML"));
  BOOST_CHECK_EXCEPTION(parse_voc_xml("\n<html/>", "a.xml"), error, says("a.xml:2: the outermost element is <html>"));
  BOOST_CHECK_EXCEPTION(read_voc_xml("/nowhere/a.xml"), error, says("/nowhere/a.xml"));
}

BOOST_AUTO_TEST_CASE(a_size_that_is_missing_or_no_size_is_not_given) {
  BOOST_TEST(
      (parse_voc_xml(with(labelimg, "size>", "sizes>").replace(labelimg.find("</size>") + 1, 7, "</sizes>"), "a.xml")
           .size == size2{}));
  for (const char* width : {"0", "-640", "wide", "", "640.5", "1e9"})
    BOOST_TEST((parse_voc_xml(with(labelimg, ">640<", str(">", width, "<")), "a.xml").size == size2{}), width);
}

BOOST_AUTO_TEST_CASE(an_object_that_cannot_be_read_is_listed_with_its_line) {
  BOOST_TEST(problem_of(with(labelimg, "<name> cat </name>", "")).find("a.xml:10: an object without <name>") == 0u);
  BOOST_TEST(problem_of(with(labelimg, "> cat <", ">  <")).find("a.xml:10: an object without <name>") == 0u);
  BOOST_TEST(problem_of(with(labelimg, "<ymin>20.5</ymin>", "")).find("a.xml:15: \"cat\" has no <ymin>") == 0u);
  BOOST_TEST(problem_of(with(labelimg, ">20.5<", ">20,5<")).find("a.xml:17: <ymin> of \"cat\" is \"20,5\"") == 0u);
  BOOST_TEST(problem_of(with(labelimg, ">20.5<", ">nan<")).find("a.xml:17: <ymin> of \"cat\" is \"nan\"") == 0u);
  BOOST_TEST(problem_of(with(with(labelimg, "<bndbox>", "<polygon>"), "</bndbox>", "</polygon>"))
                 .find("a.xml:10: \"cat\" has no <bndbox>") == 0u);
}

BOOST_AUTO_TEST_CASE(each_box_of_an_object_is_one) {
  const std::string two = with(labelimg, "</bndbox>",
                               "</bndbox>\n<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>");
  const annotation a = parse_voc_xml(two, "a.xml");
  BOOST_REQUIRE(a.objects.size() == 3u);
  BOOST_TEST((a.objects[0].name == "cat" && a.objects[1].name == "cat" && a.objects[1].difficult));
  BOOST_TEST((a.objects[1].bounds == pixel_box{1, 2, 3, 4}));
  BOOST_TEST(a.objects[1].place == "a.xml:21");
  BOOST_TEST((a.problems.empty() && a.unread.empty()));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_one_object_is_a_problem) {
  BOOST_TEST(
      problem_of(with(labelimg, "<pose>", "<name>dog</name>\n<pose>")).find("a.xml:12: a second <name>, \"dog\"") ==
      0u);
  BOOST_TEST(problem_of(with(labelimg, "<ymin>20.5</ymin>", "<xmin>4</xmin><ymin>20.5</ymin>"))
                 .find("a.xml:17: a second <xmin> of \"cat\"") == 0u);
  const std::string polygon = with(with(labelimg, "<bndbox>", "<polygon>"), "</bndbox>", "</polygon>");
  BOOST_TEST(problem_of(polygon).find("has no <bndbox> but a <polygon>, which is not read") != std::string::npos);
  BOOST_TEST(problem_of(with(labelimg, ">110<", ">110\u00A0<")).find("holds U+00A0 no-break space") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(labels_that_stand_elsewhere_are_not_lost_in_silence) {
  const std::string nested =
      "<annotation><filename>a.jpg</filename>\n<objects>\n<object><name>cat</name><bndbox>"
      "<xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object></objects></annotation>";
  const annotation a = parse_voc_xml(nested, "a.xml");
  BOOST_TEST(a.objects.empty());
  BOOST_REQUIRE(a.problems.size() == 1u);
  BOOST_TEST(a.problems[0].find("a.xml:3: an <object> within <objects> is not read") == 0u);
  const std::string capitals = with(with(labelimg, "<object>", "<Object>"), "</object>", "</Object>");
  BOOST_TEST(problem_of(capitals).find("a.xml:10: an <Object> within <annotation> is not read") == 0u);
  BOOST_TEST(a.place == "a.xml:1");

  const annotation twice = parse_voc_xml(labelimg + labelimg, "a.xml");
  BOOST_TEST(twice.objects.size() == 2u);
  BOOST_REQUIRE(twice.problems.size() == 1u);
  BOOST_TEST(twice.problems[0].find("a.xml:27: <annotation> beside the first <annotation> is not read") == 0u);

  const annotation part = parse_voc_xml(
      with(labelimg, "</bndbox>", "</bndbox>\n<part><name>head</name><bndbox/></part><polygon/>"), "a.xml");
  BOOST_TEST((part.objects.size() == 2u && part.problems.empty()));
  BOOST_TEST((part.unread ==
              std::vector<std::string>{"a.xml:21: <part> within <object>", "a.xml:21: <polygon> within <object>"}));
  BOOST_TEST(parse_voc_xml(with(labelimg, "<size>", "<filename>b.jpg</filename><size>"), "a.xml").unread.size() == 1u);
}

BOOST_AUTO_TEST_CASE(the_declared_encoding_counts) {
  const auto name_of = [](const std::string& bytes) { return parse_voc_xml(bytes, "a.xml").objects.at(0).name; };
  const auto declared = [](const char* encoding, const char* name) {
    return str("<?xml version=\"1.0\" encoding=\"", encoding, "\"?>\n", with(labelimg, " cat ", name));
  };
  BOOST_TEST(name_of(declared("GBK", "\xE4\xBD\xD0\xDC")) == "\xE6\xB5\xA3\xE7\x86\x8A");
  BOOST_TEST(name_of(declared("gb2312", "\xE4\xBD\xD0\xDC")) == "\xE6\xB5\xA3\xE7\x86\x8A");
  BOOST_TEST(name_of(declared("windows-1252", "cr\xEApe \x96 x")) == "crêpe – x");
  BOOST_TEST(name_of(declared("ISO-8859-1", "cr\xEApe")) == "crêpe");
  BOOST_TEST(name_of(declared("utf-8", "crêpe")) == "crêpe");
  BOOST_TEST(name_of(declared("utf-16", "crêpe")) == "crêpe");  // of programs that declare what they do not write
  BOOST_TEST(name_of("\xEF\xBB\xBF" + labelimg) == "cat");
  std::string wide = "\xFF\xFE";
  for (const char c : declared("UTF-16", "cat")) wide += {c, '\0'};
  BOOST_TEST(name_of(wide) == "cat");
  BOOST_CHECK_EXCEPTION(name_of(with(labelimg, " cat ", "\xE4\xBD\xD0\xDC")), error,
                        says("a.xml:11: not UTF-8 (byte 0xE4); save the file as UTF-8, or declare its encoding"));
  BOOST_CHECK_EXCEPTION(name_of(declared("klingon", "cat")), error,
                        says("a.xml: the encoding \"klingon\" is not known"));
  BOOST_CHECK_EXCEPTION(parse_voc_xml("<!DOCTYPE html>", "a.xml"), error, says("a.xml: is a web page"));
}

BOOST_AUTO_TEST_CASE(a_path_stands_in_for_the_filename) {
  const annotation a = parse_voc_xml(with(labelimg, "<filename>cat 1.jpg</filename>", ""), "a.xml");
  BOOST_TEST((a.filename == "cat 1.jpg" && a.place == "a.xml:4"));
}

BOOST_AUTO_TEST_CASE(every_label_of_the_blood_cells_is_read, *needs(data() / "bccd/Annotations")) {
  std::map<std::string, int> boxes;
  for (const auto& entry : fs::directory_iterator(data() / "bccd/Annotations")) {
    const annotation a = read_voc_xml(entry.path().string());
    BOOST_TEST(a.problems.empty());
    BOOST_TEST((a.size == size2{480, 640}));
    for (const annotated_object& object : a.objects) ++boxes[object.name];
  }
  BOOST_TEST((boxes == std::map<std::string, int>{{"RBC", 4155}, {"WBC", 372}, {"Platelets", 361}}));
}

BOOST_AUTO_TEST_CASE(elements_may_nest_without_end) {
  std::string deep = labelimg, closing;
  std::string opening;
  for (int i = 0; i < 200000; ++i) opening += "<a>\n", closing += "</a>";
  deep.insert(deep.find("</annotation>"), opening + "<polygon/>" + closing + "<polygon/>");
  const annotation a = parse_voc_xml(deep, "a.xml");
  BOOST_TEST(a.objects.size() == 2u);
  BOOST_REQUIRE(a.unread.size() == 2u);
  BOOST_TEST(a.unread[0] == "a.xml:200026: <polygon> within <a>");
  BOOST_TEST(a.unread[1] == "a.xml:200026: <polygon> within <annotation>");
}

BOOST_AUTO_TEST_SUITE_END()
