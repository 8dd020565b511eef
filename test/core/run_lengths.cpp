// SPDX-License-Identifier: MIT
#include <odt/core/run_lengths.hpp>

#include <odt/core/error.hpp>
#include <odt/core/random.hpp>

#include <boost/test/unit_test.hpp>

#include <limits>
#include <string>
#include <vector>

using namespace odt;

namespace {

struct polygon_fact {
  size2 size;
  std::vector<double> corners;
  std::string text;
  std::int64_t area;
};

/// What pycocotools 2.0 makes of polygons: convex, crossing themselves, with corners on and off the grid, in and out of
/// the picture.
const std::vector<polygon_fact> facts = {
    {{28, 21},
     {18.61, 3.23, 4.62, 28.64, -4.05, 26.59, 19.23, 12.74, 4.71, 5.31, 3.29, 11.85},
     "h04g0100DLO5MN42KN52LN310M111ON0`0Oa01lNO;1C1<1A0?1@0`0OA0?OC0>NE1c0O]1",
     104},
    {{27, 17}, {10, 32, 15, 18, 20, 3, 0, 18, -2, -4}, "3??L4L4Ln01QO4L4M3L1O1O10N1N2N2N3MM", 185},
    {{9, 18},
     {19.51, 6.13, 9.36, 4.46, 2.64, -1.65, 1.25, 6.92, 1.46, 2.86, -3.51, 8.66, 0.29, 1.57},
     "2271MO30010O1Om00SO000l00XO",
     19},
    {{17, 29},
     {14.9, 16.76, 20.17, 14.25, -2.09, 9.48, 14.82, 17.34, 8.87, 10.84, -3.39, 5.83, 7.32, 0.17},
     "43=2EL74IL66JJ56KJ47LJ37LI38MI55KJ74IM82HM:1GO:OG0>0L211OO2O0O10[4",
     113},
    {{15, 25}, {29, 9, 16, 10, 19, 0, 10, 2, 9, -1}, "f42=0o0ORO001G001M23MM4701O001N101OI", 50},
    {{15, 15},
     {1.52, 11.11, 3.31, 15.36, 10.91, -0.24, 14.75, 16.84, 15.98, 8.96, 0.05, 1.04, 16.49, 8.6},
     "Y12=2NN1O10L0I282NMI2551KJN<00OD1<4",
     51},
    {{7, 10}, {6.98, 4.18, 3.27, 2.63, 1.35, -1.03, 10.27, 3.18}, ">162OO01O01O005", 16},
    {{27, 24}, {6, 23, -4, 9, -4, -1, 28, 19, 10, 14}, "2=>101O0O2O00O0N3L3N3N2O010O1O010O001O10O01O1O01_O", 192},
    {{16, 26},
     {16.29, 12.11, 7.74, 8.43, 22.66, 17.17, 0.3, 17.71, -5.01, 13.67, 24.3, -0.14},
     ";5;0O100O100O100O100O10JK140L041LN42LN34MK35NJ151KO43KL46LJ39O2O0OR1",
     172}};

run_lengths random_mask(size2 size, double share, std::uint64_t seed) {
  random_stream random(seed, 0);
  image mask(size.height, size.width, 1);
  for (std::uint8_t& pixel : mask.pixels) pixel = random.uniform() < static_cast<float>(share);
  return to_runs(mask);
}

bool says(const error& e, std::string_view what) { return std::string_view(e.what()).find(what) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(run_lengths_tests)

BOOST_AUTO_TEST_CASE(polygons_become_the_masks_of_pycocotools) {
  for (const auto& [size, corners, text, pixels] : facts) {
    const run_lengths mask = polygon_runs(corners, size);
    BOOST_TEST(runs_text(mask) == text);
    BOOST_TEST(area(mask) == pixels);
    BOOST_TEST((read_runs(text, size) == mask));
  }
}

BOOST_AUTO_TEST_CASE(runs_go_down_the_columns) {
  image mask(2, 3, 1);
  mask.pixels = {0, 7, 0,  //
                 1, 1, 0};
  const run_lengths runs = to_runs(mask);
  BOOST_TEST((runs == run_lengths{{2, 3}, {1, 3, 2}}));
  BOOST_TEST((to_mask(runs).pixels == std::vector<std::uint8_t>{0, 1, 0, 1, 1, 0}));
  BOOST_TEST((to_runs(image(2, 3, 1)) == run_lengths{{2, 3}, {6}}));
  mask.pixels.assign(6, 1);
  BOOST_TEST((to_runs(mask) == run_lengths{{2, 3}, {0, 6}}));
}

BOOST_AUTO_TEST_CASE(texts_are_those_of_pycocotools) {
  const size2 size{5000, 4000};
  BOOST_TEST(runs_text({size, {0, 20000000}}) == "0PX[Rc0");
  BOOST_TEST(runs_text({size, {19999999, 1}}) == "oW[Rc01");
  BOOST_TEST(runs_text({size, {20000000}}) == "PX[Rc0");
  BOOST_TEST((read_runs("oW[Rc01", size) == run_lengths{size, {19999999, 1}}));
}

BOOST_AUTO_TEST_CASE(any_mask_survives_its_runs_and_their_text) {
  for (const size2 size : {size2{1, 1}, size2{1, 40}, size2{40, 1}, size2{37, 53}})
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      const run_lengths mask = random_mask(size, static_cast<double>(seed) / 7, seed);
      BOOST_TEST((to_runs(to_mask(mask)) == mask));
      BOOST_TEST((read_runs(runs_text(mask), size) == mask));
    }
}

BOOST_AUTO_TEST_CASE(overlaps_and_unions_are_those_of_pycocotools) {
  const std::vector<std::vector<double>> polygons = {{20.9, 32.6, 0.7, 25.1, 39.7, 20.5, 36.3, 9.1, 9.9, 14.5},
                                                     {9, 13.8, 47.4, 22.9, 17, 10.9, 47.6, 17.8, 49, 20.6},
                                                     {26.1, 35.9, 37.1, 23.2, 21.3, 35.1, 20.6, 36.9, 3.4, 17.2},
                                                     {26, 38, 12.5, 32.2, 33.8, 28.7, 31.5, 38.9, 16.6, 15.9}};
  std::vector<run_lengths> masks;
  for (const auto& corners : polygons) masks.push_back(polygon_runs(corners, {40, 50}));
  BOOST_TEST(iou(masks[0], masks[2]) == 0.0661764705882353);
  BOOST_TEST(iou(masks[0], masks[3]) == 0.018018018018018018);
  BOOST_TEST(iou(masks[1], masks[2]) == 0);
  BOOST_TEST(iou(masks[0], masks[2], true) == 0.07736389684813753);
  BOOST_TEST(iou(masks[0], masks[3], true) == 0.022922636103151862);
  const run_lengths all = merged(masks);
  BOOST_TEST(area(all) == 505);
  BOOST_TEST(
      runs_text(all) ==
      "Y31W1001IOUO1l0OSO1m00QO2o0NPO2Q12HK^O5a0M^O2b00\\O0d01[O0NKc07]ON0Kb0a0]O_Oc09^OOa01AM=J@94M=3EL97FI99EF<"
      "6BJO0?6CIO1=5GHM2;7LHHN;:KK75II97GI97FL75HM73H06OKM93FFM0b0:@Fc0;\\OEe0;8L3M000NnNNR12oNNQ11oNOQ12nNNR122"
      "0mNNQ11301Oe0");
}

BOOST_AUTO_TEST_CASE(overlaps_are_those_of_the_pixels) {
  const size2 size{23, 31};
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const run_lengths a = random_mask(size, .4, 2 * seed), b = random_mask(size, .7, 2 * seed + 1);
    const image in_a = to_mask(a), in_b = to_mask(b);
    std::int64_t both = 0, any = 0;
    for (std::size_t i = 0; i < in_a.pixels.size(); ++i) {
      both += in_a.pixels[i] & in_b.pixels[i];
      any += in_a.pixels[i] | in_b.pixels[i];
    }
    BOOST_TEST(intersection(a, b) == both);
    BOOST_TEST(area(merged(std::vector{a, b})) == any);
    BOOST_TEST(iou(a, b) == static_cast<double>(both) / static_cast<double>(any));
  }
  const run_lengths nothing{size, {23 * 31}};
  BOOST_TEST(iou(nothing, nothing) == 0);
}

BOOST_AUTO_TEST_CASE(lines_of_an_object_end_with_their_column) {
  std::vector<std::vector<int>> lines;
  for_each_line({{4, 3}, {2, 7, 1, 2}}, [&](int x, int top, int pixels) { lines.push_back({x, top, pixels}); });
  BOOST_TEST((lines == std::vector<std::vector<int>>{{0, 2, 2}, {1, 0, 4}, {2, 0, 1}, {2, 2, 2}}));
}

BOOST_AUTO_TEST_CASE(what_is_no_mask_is_refused) {
  const auto refuses = [](auto&& call, std::string_view what) {
    BOOST_CHECK_EXCEPTION(call(), error, [&](const error& e) { return says(e, what); });
  };
  refuses([] { check_runs({{2, 3}, {1, 4}}); }, "5 pixels, but a mask of 2x3 (height x width) has 6");
  refuses([] { to_mask({{2, 3}, {1, 3, 3}}); }, "7 pixels");
  refuses([] { iou({{2, 3}, {6}}, {{3, 2}, {6}}); }, "2x3 and 3x2");
  refuses([] { intersection({{2, 3}, {6}}, {{2, 3}, {5}}); }, "5 pixels");
  refuses([] { merged({}); }, "at least one");
  refuses([] { to_runs(image(2, 2, 3)); }, "3 channels");
  refuses([] { check_runs({{-1, 3}, {}}); }, "-1x3");
  refuses([] { check_runs({{100000, 100000}, {}}); }, "100000x100000");
  refuses([] { read_runs("21", {2, 3}); }, "3 pixels, but");
  refuses([] { read_runs("2 4", {2, 3}); }, "character 2");
  refuses([] { read_runs("2P", {2, 3}); }, "ends within a number");
  refuses([] { read_runs("2PPPPPPPP0", {2, 3}); }, "too long");
  refuses([] { read_runs("O7", {2, 3}); }, "run 1 has -1 pixels");
  refuses([] { read_runs("7", {2, 3}); }, "run 1 has 7 pixels");
  refuses([] { polygon_runs(std::vector<double>{0, 0, 1, 1}, {9, 9}); }, "4 numbers");
  refuses([] { polygon_runs(std::vector<double>{0, 0, 1, 1, 2, 2, 3}, {9, 9}); }, "7 numbers");
  refuses([] { polygon_runs(std::vector<double>{0, 0, 1, 1, 2, 2e6}, {9, 9}); }, "corner 3");
  refuses(
      [] {
        polygon_runs(std::vector<double>{0, std::numeric_limits<double>::quiet_NaN(), 1, 1, 2, 2}, {9, 9});
      },
      "corner 1");
}

BOOST_AUTO_TEST_SUITE_END()
