// SPDX-License-Identifier: MIT
#include <odt/exec/cpu/passes/position_sensitive_crop.hpp>

#include "exec/cpu/passes/operations.hpp"
#include "exec/crops.hpp"

using namespace odt;
using namespace odt::test;

namespace {

/// That many crops of each image; the map has the channels of a case for every bin.
operation crops(int each, const position_sensitive_bins& bins, bool global_pool) {
  const auto boxes = [each](const shape& map) { return crop_boxes(map.batch * each); };
  const int samples_height = bins.bin_height(), samples_width = bins.bin_width();
  const auto sample = [=](const exact_tensor& map, const boxf& b, int n, int row, int column, int c, int depth) {
    const int bin_row = row / samples_height, bin_column = column / samples_width;
    const auto side = [](float begin, float end, int i, int parts) {
      const float size = (end - begin) / static_cast<float>(parts), offset = static_cast<float>(i) * size;
      return begin + offset;
    };
    const int tall = bins.num_spatial_bins_height, wide = bins.num_spatial_bins_width;
    const shape& s = map.extents;
    return crop_sample(crop_position(side(b.ymin, b.ymax, bin_row, tall), side(b.ymin, b.ymax, bin_row + 1, tall),
                                     s.height, samples_height, row % samples_height),
                       crop_position(side(b.xmin, b.xmax, bin_column, wide), side(b.xmin, b.xmax, bin_column + 1, wide),
                                     s.width, samples_width, column % samples_width),
                       s.height, s.width,
                       [&](int y, int x) { return map.at(n, y, x, (bin_row * wide + bin_column) * depth + c); });
  };
  return {.name = str(each, " crops of ", bins.crop_height, "x", bins.crop_width, global_pool ? ", pooled" : ""),
          .operands =
              [=](const shape& s) {
                return std::vector<shape>{{s.batch, s.height, s.width, s.channels * bins.count()}};
              },
          .result =
              [=](const shape& s) {
                return shape{s.batch * each, global_pool ? 1 : bins.crop_height, global_pool ? 1 : bins.crop_width,
                             s.channels};
              },
          .definition =
              [=](const exact_tensors& x, exact_tensor& y) {
                const std::vector<boxf> all = boxes(x[0].extents);
                y.make([&](int k, int r, int q, int c) {
                  const auto at = [&](int row, int column) {
                    return sample(x[0], all[static_cast<std::size_t>(k)], k / each, row, column, c, y.extents.channels);
                  };
                  if (!global_pool) return at(r, q);
                  double sum = 0;
                  for (int row = 0; row < bins.crop_height; ++row)
                    for (int column = 0; column < bins.crop_width; ++column) sum += at(row, column);
                  return sum / bins.samples();
                });
              },
          .forward =
              [=](thread_pool& pool, const read_tensors& x, const cpu::tensor& y) {
                cpu::position_sensitive_crop(pool, bins, x[0], boxes(x[0].extents()).data(), y);
              },
          .gradients = {[=](thread_pool& pool, const read_tensors&, const cpu::const_tensor& dy, const cpu::tensor& dx,
                            bool accumulate) {
            cpu::position_sensitive_crop_backward(pool, bins, boxes(dx.extents()).data(), dy, dx, accumulate);
          }}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(position_sensitive_crop_tests)

BOOST_AUTO_TEST_CASE(agrees_with_the_definition) {
  check_operations({crops(1, {1, 1, 1, 1}, true), crops(3, {3, 3, 6, 6}, true), crops(4, {3, 2, 3, 6}, false),
                    crops(2, {2, 3, 4, 3}, true), crops(9, {1, 2, 3, 2}, false)});
}

BOOST_AUTO_TEST_CASE(is_the_apis, *needs(golden() / "units/nn/position_sensitive_crop_regions")) {
  for (const golden_case& c : golden_cases("nn/position_sensitive_crop_regions")) {
    const array image = c.in("image"), boxes = c.in("boxes"), gradient = c.in("dy");
    const auto parts = c.params().at("num_spatial_bins").get<std::vector<int>>(),
               size = c.params().at("crop_size").get<std::vector<int>>();
    const position_sensitive_bins bins{parts[0], parts[1], size[0], size[1]};
    const auto extents = [](const array& a) {  // an image has no batch
      const auto at = [&](std::size_t i) { return static_cast<int>(a.shape[a.shape.size() - i]); };
      return shape{a.shape.size() > 3 ? at(4) : 1, at(3), at(2), at(1)};
    };
    const auto x = image.as<float>(), dy = gradient.as<float>(), corners = boxes.as<float>();
    std::vector<boxf> all;
    for (std::size_t k = 0; k < corners.size(); k += 4)
      all.push_back({corners[k], corners[k + 1], corners[k + 2], corners[k + 3]});
    std::vector<float> y(dy.size()), dx(x.size(), 9.0f);
    thread_pool pool(2);
    cpu::position_sensitive_crop(pool, bins, cpu::dense(x.data(), extents(image)), all.data(),
                                 cpu::dense(y.data(), extents(gradient)));
    cpu::position_sensitive_crop_backward(pool, bins, all.data(), cpu::dense(dy.data(), extents(gradient)),
                                          cpu::dense(dx.data(), extents(image)), false);
    check_close(y, c.out("y"), c, "y");
    check_close(dx, c.out("dimage"), c, "dimage");
  }
}

BOOST_AUTO_TEST_SUITE_END()
