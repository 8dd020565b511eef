// SPDX-License-Identifier: MIT
#include <odt/dataset/csv.hpp>

#include <odt/core/error.hpp>

#include "../golden.hpp"

#include <algorithm>

using namespace odt;
using namespace odt::test;

namespace {

auto says(const std::string& piece) {
  return [piece](const error& e) {
    BOOST_TEST_MESSAGE(e.what());
    return std::string(e.what()).find(piece) != std::string::npos;
  };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(csv_tests)

BOOST_AUTO_TEST_CASE(the_tutorials_table_is_read_picture_by_picture) {
  const annotated_table t = parse_csv_annotations(
      "filename,width,height,class,xmin,ymin,xmax,ymax\n"
      "a.jpg,640,480,cat,1,2,3,4\nb.jpg,100,50,dog,5,6,7,8\na.jpg,640,480,dog,9,10,11,12.5\n",
      "t.csv");
  BOOST_TEST(t.problems.empty());
  BOOST_REQUIRE(t.pictures.size() == 2u);
  BOOST_TEST(t.pictures[0].filename == "a.jpg");
  BOOST_TEST((t.pictures[0].size == size2{480, 640}));
  BOOST_REQUIRE(t.pictures[0].objects.size() == 2u);
  BOOST_TEST(t.pictures[0].objects[1].name == "dog");
  BOOST_TEST((t.pictures[0].objects[1].bounds == pixel_box{9, 10, 11, 12.5}));
  BOOST_TEST(t.pictures[0].objects[1].place == "t.csv:4");
}

BOOST_AUTO_TEST_CASE(columns_stand_in_any_order_among_others) {
  const annotated_table t = parse_csv_annotations(
      "\xEF\xBB\xBFxmax;class;note;ymax;filename;ymin;xmin\r\n3;\"cat; \"\"wild\"\"\nand "
      "tame\";?;4;photos\\a.jpg;2;1\r\n\r\n",
      "t.csv");
  BOOST_REQUIRE(t.pictures.size() == 1u);
  BOOST_TEST(t.pictures[0].filename == "a.jpg");
  BOOST_TEST((t.pictures[0].size == size2{}));
  BOOST_TEST(t.pictures[0].objects.at(0).name == "cat; \"wild\"\nand tame");
  BOOST_TEST((t.pictures[0].objects[0].bounds == pixel_box{1, 2, 3, 4}));
}

BOOST_AUTO_TEST_CASE(a_table_that_is_none_is_an_error_with_file_and_line) {
  BOOST_CHECK_EXCEPTION(parse_csv_annotations("", "t.csv"), error, says("t.csv: the file is empty"));
  BOOST_CHECK_EXCEPTION(parse_csv_annotations("\nfilename,class,xmin,ymin,xmax\n", "t.csv"), error,
                        says("t.csv:2: no column \"ymax\"; the header is \"filename,class,xmin,ymin,xmax\""));
  BOOST_CHECK_EXCEPTION(parse_csv_annotations("filename,class,xmin,ymin,xmax,ymax\n", "t.csv"), error,
                        says("t.csv: no rows"));
  BOOST_CHECK_EXCEPTION(parse_csv_annotations("filename,class,xmin,ymin,xmax,ymax\na.jpg,cat\n", "t.csv"), error,
                        says("t.csv:2: 2 cells; the header has 6"));
  BOOST_CHECK_EXCEPTION(read_csv_annotations("/nowhere/t.csv"), error, says("/nowhere/t.csv"));
}

BOOST_AUTO_TEST_CASE(rows_that_cannot_be_read_are_listed_with_their_lines) {
  const annotated_table t = parse_csv_annotations(
      "filename,width,height,class,xmin,ymin,xmax,ymax\n"
      "a.jpg,640,480,cat,1,2,3,4\n"
      "a.jpg,640,480,,1,2,3,4\n"
      "a.jpg,640,480,cat,one,2,3,4\n"
      "a.jpg,320,240,cat,1,2,3,4\n"
      "a.jpg,0,240,cat,1,2,3,4\n"
      ",640,480,cat,1,2,3,4\n"
      "a.jpg,640,480,cat\n",
      "t.csv");
  BOOST_REQUIRE(t.pictures.size() == 1u);
  BOOST_TEST(t.pictures[0].objects.size() == 1u);
  const auto& p = t.pictures[0].problems;
  BOOST_REQUIRE(p.size() == 4u);
  BOOST_TEST(p[0].find("t.csv:3: the class is empty") == 0u);
  BOOST_TEST(p[1].find("t.csv:4: xmin is \"one\"") == 0u);
  BOOST_TEST(p[2].find("t.csv:5: a.jpg is said to be 320 x 240 pixels here and 640 x 480 before") == 0u);
  BOOST_TEST(p[3].find("t.csv:6: the picture is said to be 0 x 240") == 0u);
  BOOST_REQUIRE(t.problems.size() == 2u);
  BOOST_TEST(t.problems[0].find("t.csv:7: the filename is empty") == 0u);
  BOOST_TEST(t.problems[1].find("t.csv:8: 4 cells; the header has 8") == 0u);
}

BOOST_AUTO_TEST_CASE(what_spreadsheets_write_is_read) {
  const std::string header = "filename,width,height,class,xmin,ymin,xmax,ymax", row = "a.jpg,64,48,box,16,12,48,36";
  const auto box_of = [](std::string_view bytes) {
    const annotated_table t = parse_csv_annotations(bytes, "t.csv");
    BOOST_TEST(t.problems.empty());
    return t.pictures.at(0).objects.at(0).bounds;
  };
  const pixel_box expected{16, 12, 48, 36};
  BOOST_TEST((box_of(header + "\r" + row + "\r") == expected));
  const auto with_separator = [](std::string text, char separator) {
    std::ranges::replace(text, ',', separator);
    return text;
  };
  BOOST_TEST((box_of("sep=;\r\n" + with_separator(header + "\r\n" + row, ';')) == expected));
  BOOST_TEST((box_of("sep=|\n" + with_separator(header + "\n" + row, '|')) == expected));
  std::string wide = "\xFF\xFE";
  for (const char c : with_separator(header + "\r\n" + row + "\r\n", '\t')) wide += {c, '\0'};
  BOOST_TEST((box_of(wide) == expected));
  BOOST_TEST((box_of(header + "\na.jpg,64,48,box,+16,12,48,36") == expected));
  BOOST_TEST((box_of("Filename,Width,HEIGHT,Class,xMin,yMin,xMax,yMax\n" + row) == expected));
  BOOST_CHECK_EXCEPTION(parse_csv_annotations("PK\x03\x04", "t.csv"), error, says("t.csv: is an Excel workbook"));
  BOOST_CHECK_EXCEPTION(parse_csv_annotations(header + "\na.jpg,64,48,caf\xE9,1,2,3,4", "t.csv"), error,
                        says("t.csv:2: not UTF-8 (byte 0xE9)"));
}

BOOST_AUTO_TEST_CASE(pictures_of_one_name_in_two_folders_are_two) {
  const annotated_table t = parse_csv_annotations(
      "filename,class,xmin,ymin,xmax,ymax\ntrain/a.jpg,box,1,2,3,4\ntest\\a.jpg,box,5,6,7,8\n./train//"
      "a.jpg,box,2,2,3,4\n",
      "t.csv");
  BOOST_REQUIRE(t.pictures.size() == 2u);
  BOOST_TEST((t.pictures[0].folder == "train" && t.pictures[0].filename == "a.jpg"));
  BOOST_TEST((t.pictures[1].folder == "test" && t.pictures[1].place == "t.csv:3"));
  BOOST_TEST(t.pictures[0].objects.size() == 2u);
}

BOOST_AUTO_TEST_CASE(pictures_without_objects_are_given_by_empty_cells_or_minus_ones) {
  const annotated_table t = parse_csv_annotations(
      "filename,width,height,class,xmin,ymin,xmax,ymax\n"
      "a.jpg,64,48,,,,,\nb.jpg,64,48,-1,-1,-1,-1,-1\nc.jpg,,,,,,,\n"
      "d.jpg,64,48,cat,1,2,3,4\nd.jpg,64,48,,,,,\ne.jpg,64,48,cat,,,,\n",
      "t.csv");
  BOOST_REQUIRE(t.pictures.size() == 5u);
  for (int i = 0; i < 3; ++i)
    BOOST_TEST((t.pictures[i].objects.empty() && t.pictures[i].problems.empty()), t.pictures[i].filename);
  BOOST_REQUIRE(t.pictures[3].problems.size() == 1u);
  BOOST_TEST(t.pictures[3].problems[0] == "t.csv:6: says that d.jpg has no objects, but t.csv:5 has one");
  BOOST_REQUIRE(t.pictures[4].problems.size() == 1u);
  BOOST_TEST(t.pictures[4].problems[0].find("t.csv:7: xmin is \"\"") == 0u);
}

BOOST_AUTO_TEST_CASE(rows_are_not_swallowed) {
  const std::string header = "filename,class,xmin,ymin,xmax,ymax\n";
  BOOST_CHECK_EXCEPTION(
      parse_csv_annotations(header + "a.jpg,cat,1,2,3,4\nb.jpg,\"cat,1,2,3,4\nc.jpg,cat,1,2,3,4\n", "t.csv"), error,
      says("t.csv:3: the quote (\") that opens here is never closed"));
  BOOST_CHECK_EXCEPTION(
      parse_csv_annotations(header + "a.jpg,\"cat,1,2,3,4\nb.jpg,\"dog\",1,2,3,4\n", "t.csv"), error,
      says("t.csv:2: the quote (\") that opens here closes in line 3 before \"dog\",1,2,3,4\"; rows may be lost"));
  const annotated_table t = parse_csv_annotations(
      header + "a.jpg,12\" screen,1,2,3,4\nb.jpg,\"a,1\nc.jpg,b\",1,2,3,4\nd.jpg,\"x\ny\",1\n", "t.csv");
  BOOST_TEST(t.pictures.at(0).objects.at(0).name == "12\" screen");
  BOOST_TEST(t.pictures.at(1).objects.at(0).name == "a,1\nc.jpg,b");
  BOOST_TEST(t.pictures[1].objects[0].place == "t.csv:3 (to line 4, within quotes)");
  BOOST_REQUIRE(t.problems.size() == 1u);
  BOOST_TEST(t.problems[0].find("t.csv:5 (to line 6, within quotes): 3 cells") == 0u);
}

BOOST_AUTO_TEST_CASE(columns_that_occur_twice_or_are_not_read_are_named) {
  BOOST_CHECK_EXCEPTION(parse_csv_annotations("filename,class,xmin,ymin,xmax,ymax,xmin\n", "t.csv"), error,
                        says("t.csv:1: more than one column \"xmin\""));
  BOOST_TEST(
      parse_csv_annotations("id,filename,class,xmin,ymin,xmax,ymax,difficult\n1,a,b,1,2,3,4,0", "t.csv").unread ==
      "t.csv:1: the columns id, difficult");
  BOOST_TEST(parse_csv_annotations(",filename,class,xmin,ymin,xmax,ymax\n1,a,b,1,2,3,4", "t.csv").unread == "");
  BOOST_TEST(parse_csv_annotations("filename,class,xmin,ymin,xmax,ymax\na,b,1\u00A0,2,3,4\n", "t.csv")
                 .pictures.at(0)
                 .problems.at(0) ==
             "t.csv:2: xmin is \"1\u00A0\" (holds U+00A0 no-break space); a number of pixels is needed");
}

BOOST_AUTO_TEST_CASE(the_raccoons_are_read, *needs(data() / "raccoon/train_labels.csv")) {
  std::size_t boxes = 0;
  for (const annotation& a : read_csv_annotations((data() / "raccoon/train_labels.csv").string()).pictures) {
    BOOST_TEST(a.problems.empty());
    boxes += a.objects.size();
  }
  BOOST_TEST(boxes == 173u);
}

BOOST_AUTO_TEST_CASE(a_row_without_size_contradicts_none) {
  const annotated_table t = parse_csv_annotations(
      "filename,width,height,class,xmin,ymin,xmax,ymax\n"
      "a.jpg,,,cat,1,2,3,4\na.jpg,640,480,cat,1,2,3,5\na.jpg,,,dog,5,6,7,8\na.jpg,64,480,dog,5,6,7,8\n",
      "t.csv");
  BOOST_REQUIRE(t.pictures.size() == 1u);
  BOOST_TEST(t.pictures[0].objects.size() == 3u);
  BOOST_TEST((t.pictures[0].size == size2{480, 640}));
  BOOST_REQUIRE(t.pictures[0].problems.size() == 1u);
  BOOST_TEST(t.pictures[0].problems[0] == "t.csv:5: a.jpg is said to be 64 x 480 pixels here and 640 x 480 before");
}

BOOST_AUTO_TEST_SUITE_END()
