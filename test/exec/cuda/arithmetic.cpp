// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/passes/arithmetic.hpp>

#include "exec/cuda/passes.hpp"

namespace odt::test {
namespace {

shape one_pixel(const shape& s) { return {s.batch, 1, 1, s.channels}; }

/// Two tensors with their transforms. The second is of the first's extents, or of one pixel an image.
template <class T>
struct operands {
  random_stream random{1};
  host_tensor a, b;
  two_pendings of_a, of_b;
  device_activation<T> device_a, device_b;

  operands(const extent& e, bool spread)
      : a(random_activation<T>(random, e.s, e.margin)),
        b(random_activation<T>(random, spread ? one_pixel(e.s) : e.s, e.margin)),
        of_a(random, e.s.channels, -1.0f, 2.0f),
        of_b(random, e.s.channels, -2.0f, 1.0f),
        device_a(a),
        device_b(b) {}
  operands(const operands&) = delete;

  double left(int n, int r, int q, int c) const { return transformed(of_a.host(), a.at(n, r, q, c), c); }
  double right(int n, int r, int q, int c) const {
    const bool spread = b.extents.pixels() < a.extents.pixels();
    return transformed(of_b.host(), spread ? b.at(n, 0, 0, c) : b.at(n, r, q, c), c);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(cuda_arithmetic, *needs_gpu())

BOOST_AUTO_TEST_CASE_TEMPLATE(tensors_are_added, T, types) {
  for (const extent& e : extents) {
    const operands<T> o(e, false);
    host_tensor expected(e.s, e.margin);
    expected.each([&](int n, int r, int q, int c) {
      expected.at(n, r, q, c) = static_cast<float>(o.left(n, r, q, c) + o.right(n, r, q, c));
    });
    const output<T> y(e.s, e.margin);
    const auto a = o.device_a.read(o.of_a.device()), b = o.device_b.read(o.of_b.device());
    cuda::add<T>(nullptr, a, b, y.device.write());
    y.check(expected, one_rounding<T>, name(e));
    cuda::add<T>(nullptr, a, b, o.device_b.write());
    check_tensor(o.device_b, expected, one_rounding<T>, name(e) + ", in place");
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(tensors_are_multiplied_by_tensors_and_by_pixels, T, types) {
  for (const extent& e : extents)
    for (const bool spread : {false, true})
      for (const bool accumulate : {false, true}) {
        const operands<T> o(e, spread);
        host_tensor expected(e.s, e.margin);
        expected.each([&](int n, int r, int q, int c) {
          const double product = o.left(n, r, q, c) * o.right(n, r, q, c);
          expected.at(n, r, q, c) = static_cast<float>((accumulate ? 0.75 : 0) + product);
        });
        const output<T> y(e.s, e.margin, 0.75f);
        cuda::multiply<T>(nullptr, o.device_a.read(o.of_a.device()), o.device_b.read(o.of_b.device()), y.device.write(),
                          accumulate);
        y.check(expected, one_rounding<T>, str(name(e), ", spread: ", spread, ", accumulates: ", accumulate));
      }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(gradients_of_spread_factors_are_sums, T, types) {
  for (const extent& e : extents)
    for (const bool accumulate : {false, true}) {
      const operands<T> o(e, false);
      const shape pixel = one_pixel(e.s);
      std::vector<double> sums(static_cast<std::size_t>(pixel.elements()), accumulate ? 0.75 : 0.0);
      o.b.each([&](int n, int r, int q, int c) {
        sums[static_cast<std::size_t>(n * e.s.channels + c)] += o.left(n, r, q, c) * o.b.at(n, r, q, c);
      });
      host_tensor expected(pixel, e.margin);
      expected.each([&](int n, int, int, int c) {
        expected.at(n, 0, 0, c) = static_cast<float>(sums[static_cast<std::size_t>(n * e.s.channels + c)]);
      });
      const output<T> db(pixel, e.margin, 0.75f);
      cuda::multiply_and_sum<T>(nullptr, o.device_a.read(o.of_a.device()), o.device_b.write(), db.device.write(),
                                accumulate);
      db.check(expected, one_rounding<T>, str(name(e), ", accumulates: ", accumulate));
    }
}

BOOST_AUTO_TEST_CASE(numbers_are_added) {
  for (const int count : {1, 7, 64, 1001, 8000})
    for (const std::size_t offset : {0, 1}) {
      random_stream random(2);
      const floats from = normals(random, count + 1), to = normals(random, count + 1);
      const on_device<float> device_from(from), device_to(to);
      cuda::add_floats(nullptr, device_from.data() + offset, device_to.data() + offset, count);
      floats expected = to;
      for (std::size_t i = offset; i < offset + static_cast<std::size_t>(count); ++i) expected[i] += from[i];
      BOOST_TEST(device_to.host() == expected, str(count, " numbers, offset ", offset));
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace odt::test
