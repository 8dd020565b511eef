// SPDX-License-Identifier: MIT
#include <odt/core/text.hpp>
#include <odt/exec/cpu/convolution/convolution_plan.hpp>

#include <boost/test/unit_test.hpp>

using namespace odt;
using namespace odt::cpu::detail::conv;

namespace {

/// A number from every range of sizes: all small ones, then ever fewer, and those around multiples of 256.
std::vector<int> sizes(int most) {
  std::vector<int> result;
  for (int n = 1; n <= most; n += 1 + n / 20) result.push_back(n);
  for (int n = 256; n <= most; n += 256)
    for (const int near : {n - 1, n, n + 1})
      if (near <= most) result.push_back(near);
  result.push_back(most);
  return result;
}

/// Whether edge(0), edge(1), ... edge(parts) cut [0, count) into pieces of 1 to `most`.
template <class Edge>
bool cuts(std::ptrdiff_t count, std::ptrdiff_t parts, std::ptrdiff_t most, const Edge& edge) {
  bool good = edge(0) == 0 && edge(static_cast<int>(parts)) == count;
  for (int i = 0; i < static_cast<int>(parts); ++i) {
    const std::ptrdiff_t size = edge(i + 1) - edge(i);
    good = good && size >= 1 && size <= most;
  }
  return good;
}

auto pieces(std::ptrdiff_t count, std::ptrdiff_t parts) {
  return [count, parts](int i) { return piece(count, parts, i); };
}

bool right(const product_plan& p, int rows, int columns) {
  const int first = (p.panels - 1) * cpu::tile_columns;
  return p.rows == rows && first < columns && columns <= first + cpu::tile_columns && p.jobs() == p.chunks * p.groups &&
         cuts(rows, p.chunks, chunk_rows, [&](int i) { return p.first_row(i); }) &&
         cuts(p.panels, p.groups, p.panels, [&](int i) { return std::ptrdiff_t{p.first_panel(i)}; });
}

bool right(const weights_plan& p, std::ptrdiff_t rows, int columns, std::ptrdiff_t pixels) {
  const int first = (p.panels - 1) * cpu::tile_columns;
  const std::ptrdiff_t block = weight_depth * (weight_panels * cpu::tile_columns +
                                               cpu::column_stride * cpu::ceil_div(cpu::block_width, cpu::tile_rows));
  return p.rows == rows && p.pixels == pixels && first < columns && columns <= first + cpu::tile_columns &&
         p.jobs() == p.row_parts * p.groups * p.pixel_parts && block <= weight_block_floats &&
         cuts(rows, p.row_parts, cpu::block_width, pieces(rows, p.row_parts)) &&
         cuts(p.panels, p.groups, weight_panels, pieces(p.panels, p.groups)) &&
         cuts(pixels, p.pixel_parts, pixels, pieces(pixels, p.pixel_parts));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(convolution_plan_tests)

BOOST_AUTO_TEST_CASE(a_product_has_every_row_and_panel_once_in_chunks_that_fit) {
  for (const int rows : sizes(5000))
    for (const int columns : sizes(1100))
      for (const int depth : {1, 27, 256, 257, 4608}) {
        const product_plan p(rows, columns, depth);
        BOOST_REQUIRE_MESSAGE(right(p, rows, columns), str(rows, " x ", columns, ", depth ", depth));
      }
}

BOOST_AUTO_TEST_CASE(the_weights_gradient_has_every_row_panel_and_pixel_once_in_blocks_that_fit) {
  for (const int kernel : {1, 2, 3, 7})
    for (const int in : {1, 3, 16, 29, 57, 64, 255, 256, 257, 500, 1100})
      for (const int out : sizes(1100))
        for (const int pixels : {1, 2, 100, 255, 256, 511, 512, 513, 2048, 5000, 22500}) {
          const weights_plan p({.kernel_height = kernel, .kernel_width = kernel}, in, out, pixels);
          BOOST_REQUIRE_MESSAGE(right(p, std::ptrdiff_t{kernel} * kernel * in, out, pixels),
                                str(kernel, "x", kernel, "x", in, " -> ", out, ", ", pixels, " pixels"));
        }
}

BOOST_AUTO_TEST_CASE(without_rows_there_is_nothing_to_do_and_without_pixels_zeros_are_written) {
  BOOST_TEST(product_plan(0, 40, 8).rows == 0);
  const weights_plan none({}, 300, 40, 0);
  BOOST_TEST(none.pixel_parts == 1);
  BOOST_TEST(none.jobs() == none.row_parts * none.groups);
}

BOOST_AUTO_TEST_SUITE_END()
