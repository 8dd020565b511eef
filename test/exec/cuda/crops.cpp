// SPDX-License-Identifier: MIT
#include <odt/exec/cpu/passes/crop_and_resize.hpp>
#include <odt/exec/cpu/passes/position_sensitive_crop.hpp>
#include <odt/exec/cuda/passes/crop_and_resize.hpp>
#include <odt/exec/cuda/passes/position_sensitive_crop.hpp>

#include "exec/crops.hpp"
#include "exec/cuda/passes.hpp"

namespace odt::test {
namespace {

/// Boxes on both sides.
struct two_boxes {
  std::vector<boxf> host;
  cuda::device_array<boxf> device;

  explicit two_boxes(int count) : host(crop_boxes(count)), device(copied(host)) {}
};

/// Crops of an image, and the size of each; without boxes the whole image resized.
struct crop_case {
  int each, height, width;
  bool boxes = true;
};

constexpr crop_case crop_cases[] = {{1, 1, 1}, {3, 4, 3}, {9, 7, 7}, {1, 6, 9, false}};

std::string name(const extent& e, const crop_case& c) {
  return str(name(e), ", ", c.each, " crops of ", c.height, "x", c.width, c.boxes ? "" : ", the whole map");
}

struct bins_case {
  int each;
  position_sensitive_bins bins;
};

constexpr bins_case bins_cases[] = {{2, {1, 1, 2, 3}}, {5, {3, 3, 6, 6}}, {1, {2, 3, 4, 3}}};

std::string name(const extent& e, const bins_case& c) {
  return str(name(e), ", ", c.each, " crops of ", c.bins.count(), " bins");
}

/// The map of an extent, with its channels for each bin.
shape map_of(const extent& e, const bins_case& c) {
  return {e.s.batch, e.s.height, e.s.width, e.s.channels * c.bins.count()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cuda_crops, *needs_gpu())

BOOST_AUTO_TEST_CASE_TEMPLATE(crops_are_the_cpus, T, types) {
  thread_pool pool(1);
  for (const extent& e : extents)
    for (const crop_case& c : crop_cases) {
      random_stream random(1);
      const host_tensor map = random_activation<T>(random, e.s, e.margin);
      const two_pendings p(random, e.s.channels, 0.0f, 1.0f);
      const two_boxes boxes(e.s.batch * c.each);
      host_tensor expected({e.s.batch * c.each, c.height, c.width, e.s.channels}, e.margin);
      cpu::crop_and_resize(pool, map.read(p.host()), c.boxes ? boxes.host.data() : nullptr, expected.write());
      const device_activation<T> device(map);
      const output<T> y(expected.extents, e.margin);
      cuda::crop_and_resize<T>(nullptr, device.read(p.device()), c.boxes ? boxes.device.data() : nullptr,
                               y.device.write());
      y.check(expected, one_rounding<T>, name(e, c));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(gradients_of_crops_are_the_cpus, T, types) {
  thread_pool pool(1);
  for (const extent& e : extents)
    for (const crop_case& c : crop_cases)
      for (const bool accumulate : {false, true}) {
        random_stream random(2);
        const host_tensor dy =
            random_activation<T>(random, {e.s.batch * c.each, c.height, c.width, e.s.channels}, e.margin);
        const two_boxes boxes(dy.extents.batch);
        const output<T> dx(e.s, e.margin, 0.75f);
        host_tensor expected = dx.blank;
        cpu::crop_and_resize_backward(pool, c.boxes ? boxes.host.data() : nullptr, dy.read(), expected.write(),
                                      accumulate);
        const device_activation<T> device(dy);
        cuda::crop_and_resize_backward<T>(nullptr, c.boxes ? boxes.device.data() : nullptr, device.write(),
                                          dx.device.write(), accumulate);
        dx.check(expected, one_rounding<T>, str(name(e, c), ", accumulates: ", accumulate));
      }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(position_sensitive_crops_are_the_cpus, T, types) {
  thread_pool pool(1);
  for (const extent& e : extents)
    for (const bins_case& c : bins_cases) {
      random_stream random(3);
      const host_tensor map = random_activation<T>(random, map_of(e, c), e.margin);
      const two_pendings p(random, map.extents.channels, 0.0f, 1.0f);
      const two_boxes boxes(e.s.batch * c.each);
      host_tensor expected({e.s.batch * c.each, 1, 1, e.s.channels}, e.margin);
      cpu::position_sensitive_crop(pool, c.bins, map.read(p.host()), boxes.host.data(), expected.write());
      const device_activation<T> device(map);
      const output<T> y(expected.extents, e.margin);
      cuda::position_sensitive_crop<T>(nullptr, c.bins, device.read(p.device()), boxes.device.data(), y.device.write());
      y.check(expected, one_rounding<T>, name(e, c));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(gradients_of_position_sensitive_crops_are_the_cpus, T, types) {
  thread_pool pool(1);
  for (const extent& e : extents)
    for (const bins_case& c : bins_cases)
      for (const bool accumulate : {false, true}) {
        random_stream random(4);
        const host_tensor dy = random_activation<T>(random, {e.s.batch * c.each, 1, 1, e.s.channels}, e.margin);
        const two_boxes boxes(dy.extents.batch);
        const output<T> dx(map_of(e, c), e.margin, 0.75f);
        host_tensor expected = dx.blank;
        cpu::position_sensitive_crop_backward(pool, c.bins, boxes.host.data(), dy.read(), expected.write(), accumulate);
        const device_activation<T> device(dy);
        cuda::position_sensitive_crop_backward<T>(nullptr, c.bins, boxes.device.data(), device.write(),
                                                  dx.device.write(), accumulate);
        dx.check(expected, one_rounding<T>, str(name(e, c), ", accumulates: ", accumulate));
      }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace odt::test
