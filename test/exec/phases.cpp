// SPDX-License-Identifier: MIT
// The phases of strided data gradients cover every pixel once, and list what it reads under which tap, without a GPU.
#include <odt/exec/cuda/convolution/phases.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <ostream>
#include <set>
#include <vector>

namespace odt::cuda {
inline std::ostream& operator<<(std::ostream& out, const window& w) {
  return out << w.kernel_height << "x" << w.kernel_width << ", stride " << w.stride << ", rate " << w.rate << ", pad "
             << w.pad_top << ", " << w.pad_left;
}
}  // namespace odt::cuda

namespace odt::test {
namespace {

namespace data = boost::unit_test::data;
using cuda::window;

/// Image, pixel of dx, tap of the window, row and column of dy.
using reading = std::array<int, 5>;

constexpr int images = 2;

std::set<reading> by_definition(const window& w, int height, int width) {
  std::set<reading> all;
  for (int n = 0; n < images; ++n)
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        for (int i = 0; i < w.kernel_height; ++i)
          for (int j = 0; j < w.kernel_width; ++j) {
            const int from_y = y + w.pad_top - i * w.rate, from_x = x + w.pad_left - j * w.rate;
            if (from_y % w.stride != 0 || from_x % w.stride != 0) continue;
            all.insert({n, y * width + x, i * w.kernel_width + j, from_y / w.stride, from_x / w.stride});
          }
  return all;
}

const std::vector<window> windows{{3, 3, 2, 1, 0, 0}, {3, 3, 2, 1, 1, 1}, {1, 1, 2, 1, 0, 0}, {7, 7, 2, 1, 2, 3},
                                  {3, 3, 2, 2, 2, 1}, {2, 5, 2, 3, 0, 4}, {3, 3, 1, 1, 1, 1}, {3, 3, 1, 2, 2, 2}};

BOOST_AUTO_TEST_SUITE(phases_tests)

BOOST_DATA_TEST_CASE(read_what_the_definition_reads,
                     data::make(windows) * data::make({1, 2, 5, 10}) * data::make({1, 7}), w, height, width) {
  constexpr int tile_rows = 16;
  const cuda::phases all(w, images, height, width, tile_rows);
  std::set<reading> found;
  std::set<std::array<int, 2>> pixels;
  int tiles = 0;
  for (int i = 0; i < all.count; ++i) {
    const cuda::phase& p = all.at[i];
    BOOST_TEST(p.first_tile == tiles);
    if (i > 0) BOOST_TEST(p.taps <= all.at[i - 1].taps);
    for (int m = 0; m < p.rows; ++m) {
      BOOST_TEST(all.of_tile(p.first_tile + m / tile_rows) == i);
      const auto [image, pixel] = all.place(i, m, width);
      pixels.insert({image, pixel});
      const int row = p.pixels.remainder(m, image), y = p.width.quotient(row), x = p.width.remainder(row, y);
      for (int t = 0; t < p.taps; ++t) {
        const int tap_y = p.taps_across.quotient(t), tap_x = p.taps_across.remainder(t, tap_y);
        found.insert({image, pixel, all.tap(i, t, w.kernel_width), p.from_y + y - tap_y * all.read_step,
                      p.from_x + x - tap_x * all.read_step});
      }
    }
    tiles += (p.rows + tile_rows - 1) / tile_rows;
  }
  BOOST_TEST(all.tiles == tiles);
  BOOST_TEST(pixels.size() == static_cast<std::size_t>(images * height * width));
  BOOST_TEST((found == by_definition(w, height, width)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
