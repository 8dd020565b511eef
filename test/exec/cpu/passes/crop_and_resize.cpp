// SPDX-License-Identifier: MIT
#include <odt/exec/cpu/passes/crop_and_resize.hpp>

#include "exec/cpu/passes/operations.hpp"
#include "exec/crops.hpp"

using namespace odt;
using namespace odt::test;

namespace {

/// That many crops of each image, of the given size.
operation crops(int each, int height, int width) {
  const auto boxes = [each](const shape& map) { return crop_boxes(map.batch * each); };
  return {.name = str(each, " crops of ", height, "x", width),
          .operands = [](const shape& s) { return std::vector<shape>{s}; },
          .result =
              [=](const shape& s) {
                return shape{s.batch * each, height, width, s.channels};
              },
          .definition =
              [=](const exact_tensors& x, exact_tensor& y) {
                const exact_tensor& map = x[0];
                const shape& s = map.extents;
                const std::vector<boxf> all = boxes(s);
                y.make([&](int k, int r, int q, int c) {
                  const boxf& b = all[static_cast<std::size_t>(k)];
                  return crop_sample(crop_position(b.ymin, b.ymax, s.height, height, r),
                                     crop_position(b.xmin, b.xmax, s.width, width, q), s.height, s.width,
                                     [&](int row, int column) { return map.at(k / each, row, column, c); });
                });
              },
          .forward = [=](thread_pool& pool, const read_tensors& x,
                         const cpu::tensor& y) { cpu::crop_and_resize(pool, x[0], boxes(x[0].extents()).data(), y); },
          .gradients = {[=](thread_pool& pool, const read_tensors&, const cpu::const_tensor& dy, const cpu::tensor& dx,
                            bool accumulate) {
            cpu::crop_and_resize_backward(pool, boxes(dx.extents()).data(), dy, dx, accumulate);
          }}};
}

/// The whole map in another size.
operation resize(int height, int width) {
  const auto at = [](int pixels, int samples, int i) {
    const float step = samples > 1 ? static_cast<float>(pixels - 1) / static_cast<float>(samples - 1) : 0.0f;
    return std::min(static_cast<float>(i) * step, static_cast<float>(pixels - 1));
  };
  return {.name = str("resize to ", height, "x", width),
          .operands = [](const shape& s) { return std::vector<shape>{s}; },
          .result =
              [=](const shape& s) {
                return shape{s.batch, height, width, s.channels};
              },
          .definition =
              [=](const exact_tensors& x, exact_tensor& y) {
                const shape& s = x[0].extents;
                y.make([&](int n, int r, int q, int c) {
                  return crop_sample(at(s.height, height, r), at(s.width, width, q), s.height, s.width,
                                     [&](int row, int column) { return x[0].at(n, row, column, c); });
                });
              },
          .forward = [](thread_pool& pool, const read_tensors& x,
                        const cpu::tensor& y) { cpu::crop_and_resize(pool, x[0], nullptr, y); },
          .gradients = {[](thread_pool& pool, const read_tensors&, const cpu::const_tensor& dy, const cpu::tensor& dx,
                           bool accumulate) { cpu::crop_and_resize_backward(pool, nullptr, dy, dx, accumulate); }}};
}

/// The crops of an image one after the other, as kernels take them; a case has them in any order.
struct sorted_crops {
  std::vector<boxf> boxes;
  std::vector<std::size_t> order;  ///< by crop: its number in the case

  explicit sorted_crops(const golden_case& c) {
    const auto corners = c.in("boxes").as<float>();
    const std::size_t count = corners.size() / 4;
    const auto images = c.has_in("box_indices") ? c.in("box_indices").as<int>() : std::vector<int>(count, 0);
    for (std::size_t k = 0; k < count; ++k) order.push_back(k);
    std::ranges::stable_sort(order, {}, [&](std::size_t k) { return images[k]; });
    for (const std::size_t k : order)
      boxes.push_back({corners[4 * k], corners[4 * k + 1], corners[4 * k + 2], corners[4 * k + 3]});
  }

  /// A case's crops in that order, or back in the case's.
  std::vector<float> arranged(const std::vector<float>& values, bool back) const {
    const std::size_t size = values.size() / order.size();
    std::vector<float> result(values.size());
    for (std::size_t k = 0; k < order.size(); ++k) {
      const std::size_t from = back ? k : order[k], to = back ? order[k] : k;
      std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(from * size), size,
                  result.begin() + static_cast<std::ptrdiff_t>(to * size));
    }
    return result;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(crop_and_resize_tests)

BOOST_AUTO_TEST_CASE(agrees_with_the_definition) {
  check_operations({crops(1, 1, 1), crops(3, 4, 3), crops(9, 7, 7), crops(2, 14, 1), resize(1, 7), resize(15, 9)});
}

BOOST_AUTO_TEST_CASE(is_tensorflows, *needs(golden() / "units/nn/crop_and_resize")) {
  for (const golden_case& c : golden_cases("nn/crop_and_resize")) {
    const array image = c.in("image");
    const auto at = [&](std::size_t i) { return static_cast<int>(image.shape[i]); };
    const auto size = c.params().at("crop_size").get<std::vector<int>>();
    const sorted_crops crops(c);
    const shape in{at(0), at(1), at(2), at(3)}, out{static_cast<int>(crops.boxes.size()), size[0], size[1], at(3)};
    const auto x = image.as<float>(), dy = crops.arranged(c.in("dy").as<float>(), false);
    std::vector<float> y(dy.size()), dx(x.size(), 9.0f);
    thread_pool pool(2);
    cpu::crop_and_resize(pool, cpu::dense(x.data(), in), crops.boxes.data(), cpu::dense(y.data(), out));
    cpu::crop_and_resize_backward(pool, crops.boxes.data(), cpu::dense(dy.data(), out), cpu::dense(dx.data(), in),
                                  false);
    check_close(crops.arranged(y, true), c.out("y"), c, "y");
    check_close(dx, c.out("dimage"), c, "dimage");
  }
}

BOOST_AUTO_TEST_CASE(outside_is_0_whatever_the_transform) {
  const float map[] = {1, 2, 3, 4}, scale[] = {1}, shift[] = {5};
  const boxf boxes[] = {{-2, 0, -1, 1}, {0, 0, 1, 1}};
  float y[8];
  thread_pool pool(1);
  cpu::crop_and_resize(pool, cpu::dense(map, {1, 2, 2, 1}, {scale, shift, 7, 8}), boxes, cpu::dense(y, {2, 2, 2, 1}));
  const float expected[] = {0, 0, 0, 0, 7, 7, 8, 8};
  BOOST_TEST(y == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
