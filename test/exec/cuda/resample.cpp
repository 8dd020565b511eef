// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/passes/global_pool.hpp>
#include <odt/exec/cuda/passes/resample.hpp>

#include "exec/cuda/passes.hpp"

namespace odt::test {
namespace {

/// The enlarged size, with `cut` rows and columns less.
shape enlarged(const shape& s, int factor, int cut) {
  return {s.batch, s.height * factor - cut, s.width * factor - cut, s.channels};
}

/// x's extents with `before` everywhere, to which add(to, n, r, q, c) is called for each element of `over`.
template <class Add>
host_tensor sum_into(const extent& e, float before, const host_tensor& over, const Add& add) {
  std::vector<double> sums(static_cast<std::size_t>(e.s.elements()), before);
  const auto at = [&](int n, int r, int q, int c) -> double& {
    return sums[static_cast<std::size_t>(((n * e.s.height + r) * e.s.width + q) * e.s.channels + c)];
  };
  over.each([&](int n, int r, int q, int c) { add(at, n, r, q, c); });
  host_tensor result(e.s, e.margin);
  result.each([&](int n, int r, int q, int c) { result.at(n, r, q, c) = static_cast<float>(at(n, r, q, c)); });
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cuda_resample, *needs_gpu())

BOOST_AUTO_TEST_CASE_TEMPLATE(pixels_are_repeated, T, types) {
  for (const extent& e : extents)
    for (const int factor : {1, 2, 3})
      for (int cut = 0; cut < factor; ++cut) {
        random_stream random(1);
        const host_tensor x = random_activation<T>(random, e.s, e.margin);
        const two_pendings p(random, e.s.channels, 0.0f, 1.0f);
        const device_activation<T> device(x);
        const shape large = enlarged(e.s, factor, cut);
        host_tensor expected(large, e.margin);
        expected.each([&](int n, int r, int q, int c) {
          const float value = x.at(n, r / factor, q / factor, c);
          expected.at(n, r, q, c) = static_cast<float>(transformed(p.host(), value, c));
        });
        const output<T> y(large, e.margin);
        cuda::upsample<T>(nullptr, factor, device.read(p.device()), y.device.write());
        y.check(expected, one_rounding<T>, str(name(e), ", factor ", factor, ", cut ", cut));
      }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(gradients_of_repeated_pixels_are_summed, T, types) {
  for (const extent& e : extents)
    for (const int factor : {1, 2, 3})
      for (int cut = 0; cut < factor; ++cut)
        for (const bool accumulate : {false, true}) {
          random_stream random(2);
          const host_tensor dy = random_activation<T>(random, enlarged(e.s, factor, cut), e.margin);
          const device_activation<T> device(dy);
          const host_tensor expected =
              sum_into(e, accumulate ? 0.75f : 0.0f, dy, [&](const auto& at, int n, int r, int q, int c) {
                at(n, r / factor, q / factor, c) += dy.at(n, r, q, c);
              });
          const output<T> dx(e.s, e.margin, 0.75f);
          cuda::upsample_backward<T>(nullptr, factor, device.write(), dx.device.write(), accumulate);
          dx.check(expected, one_rounding<T>,
                   str(name(e), ", factor ", factor, ", cut ", cut, ", accumulates: ", accumulate));
        }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(images_are_averaged, T, types) {
  for (const extent& e : extents) {
    random_stream random(3);
    const host_tensor x = random_activation<T>(random, e.s, e.margin);
    const two_pendings p(random, e.s.channels, 0.0f, 1.0f);
    const device_activation<T> device(x);
    const extent one{{e.s.batch, 1, 1, e.s.channels}, e.margin};
    const double pixels = e.s.height * e.s.width;
    const host_tensor expected = sum_into(one, 0.0f, x, [&](const auto& at, int n, int r, int q, int c) {
      at(n, 0, 0, c) += transformed(p.host(), x.at(n, r, q, c), c) / pixels;
    });
    const output<T> y(one.s, one.margin);
    cuda::global_pool<T>(nullptr, device.read(p.device()), y.device.write());
    y.check(expected, one_rounding<T>, name(e));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(gradients_of_averages_are_spread, T, types) {
  for (const extent& e : extents)
    for (const bool accumulate : {false, true}) {
      random_stream random(4);
      const host_tensor dy = random_activation<T>(random, {e.s.batch, 1, 1, e.s.channels}, e.margin);
      const device_activation<T> device(dy);
      host_tensor expected(e.s, e.margin);
      expected.each([&](int n, int r, int q, int c) {
        const double share = static_cast<double>(dy.at(n, 0, 0, c)) / (e.s.height * e.s.width);
        expected.at(n, r, q, c) = static_cast<float>((accumulate ? 0.75 : 0) + share);
      });
      const output<T> dx(e.s, e.margin, 0.75f);
      cuda::global_pool_backward<T>(nullptr, device.write(), dx.device.write(), accumulate);
      dx.check(expected, one_rounding<T>, str(name(e), ", accumulates: ", accumulate));
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace odt::test
