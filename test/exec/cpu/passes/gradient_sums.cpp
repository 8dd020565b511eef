// SPDX-License-Identifier: MIT
// The sums that batch norm's backward begins with, added up by the convolution that writes the gradient.
#include <odt/core/error.hpp>
#include <odt/exec/cpu/passes/batch_norm.hpp>

#include "exec/cpu/convolution/convolution_problem.hpp"

using namespace odt;
using namespace odt::test;

namespace {

struct sums_results {
  std::vector<float> dx, sum, product;
  bool operator==(const sums_results&) const = default;
};

struct sums_problem : conv_problem {
  host_tensor z;
  std::vector<float> mean, z_scale, z_shift;
  pending z_transform;

  sums_problem(const conv_layer& l, int margin) : conv_problem(l, margin, 13), z(x.extents, margin ? margin + 1 : 0) {
    random_stream random(14);
    z.fill(random);
    for (std::vector<float>* table : {&mean, &z_scale, &z_shift})
      *table = normals(static_cast<std::size_t>(l.in), random);
    z_transform = {z_scale.data(), z_shift.data(), 0.0f, 1.5f};
  }

  sums_results run(int threads, bool accumulate, bool with_sums = true) const {
    thread_pool pool(threads);
    const scratch_memory scratch(cpu::conv_scratch(window, x.extents, dy.extents, threads));
    host_tensor dx(x.extents, x.margin);
    if (accumulate) dx.each([&](int n, int row, int column, int c) { dx.at(n, row, column, c) = 0.5f; });
    sums_results r{{}, std::vector<float>(mean.size(), 9.0f), std::vector<float>(mean.size(), 9.0f)};
    const cpu::gradient_sums sums{z.read(z_transform), mean.data(), r.sum.data(), r.product.data()};
    cpu::conv_backward_data(pool, window, dy.read(), weights.data(), dx.write(), accumulate, scratch.data,
                            with_sums ? &sums : nullptr);
    BOOST_TEST(dx.margins_untouched());
    r.dx = dx.dense();
    return r;
  }

  bool open(float raw, std::size_t c) const {
    const float y = std::fma(raw, z_scale[c], z_shift[c]);
    return y > z_transform.low && y < z_transform.high;
  }

  /// The sums over a gradient as it was written.
  void check(const sums_results& r, const std::string& what) const {
    std::vector<double> sum(mean.size(), 0.0), product(mean.size(), 0.0);
    std::size_t i = 0;
    z.each([&](int n, int row, int column, int c) {
      const auto channel = static_cast<std::size_t>(c);
      const float raw = z.at(n, row, column, c);
      const double g = open(raw, channel) ? r.dx[i] : 0.0f;
      ++i;
      sum[channel] += g;
      product[channel] += g * (static_cast<double>(raw) - mean[channel]);
    });
    const double tolerance = 1e-5 + 1e-7 * std::sqrt(static_cast<double>(x.extents.pixels()));
    check_near(r.sum, sum, tolerance, what + ", sum");
    check_near(r.product, product, tolerance, what + ", product");
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(gradient_sums_tests)

BOOST_AUTO_TEST_CASE(are_those_of_the_gradient_as_written) {
  for (const conv_layer& l : conv_layers)
    for (const int margin : {0, 3})
      for (const bool accumulate : {false, true})
        for (const precision compute : {precision::fp32, precision::bf16}) {
          sums_problem p(l, margin);
          p.window.compute = compute;
          const sums_results r = p.run(1, accumulate);
          p.check(r, name(l));
          BOOST_TEST((r.dx == p.run(1, accumulate, false).dx), name(l));
        }
}

BOOST_AUTO_TEST_CASE(are_the_same_bits_with_any_number_of_threads) {
  for (const conv_layer& l : conv_layers) {
    const sums_problem p(l, 0);
    const sums_results one = p.run(1, true);
    for (const int threads : {2, 3, 5}) BOOST_TEST((p.run(threads, true) == one), name(l));
  }
}

BOOST_AUTO_TEST_CASE(a_sparse_gradient_has_none) {
  const sums_problem p({1, 4, 4, 3, 5, 1, 1, 1, "SAME"}, 0);
  thread_pool pool(1);
  const scratch_memory scratch(cpu::conv_scratch(p.window, p.x.extents, p.dy.extents, 1));
  host_tensor dx(p.x.extents);
  std::vector<float> sum(3), product(3);
  const cpu::gradient_sums sums{p.z.read(p.z_transform), p.mean.data(), sum.data(), product.data()};
  BOOST_CHECK_THROW(cpu::conv_backward_data(pool, p.window, p.dy.read(), p.weights.data(), dx.write(), false,
                                            scratch.data, &sums, cpu::gradient_kind::sparse),
                    error);
}

BOOST_AUTO_TEST_CASE(serve_batch_norm_as_its_own_pass_would) {
  for (const bool frozen : {false, true}) {
    const sums_problem p({2, 9, 8, 37, 33, 3, 1, 1, "SAME"}, 2);
    const std::vector<float> inv_std(p.mean.size(), 0.75f);
    sums_results r = p.run(1, false);
    const cpu::gradient_sums ready{p.z.read(p.z_transform), p.mean.data(), r.sum.data(), r.product.data()};
    thread_pool pool(2);
    const scratch_memory scratch(cpu::batch_norm_scratch(p.z.extents, 2));
    std::vector<float> dz[2], dgamma[2], dbeta[2];
    for (const std::size_t i : {0u, 1u}) {
      dz[i] = r.dx, dgamma[i].resize(p.mean.size()), dbeta[i].resize(p.mean.size());
      cpu::batch_norm_backward(pool, p.z.read(p.z_transform), p.mean.data(), inv_std.data(),
                               cpu::dense(dz[i].data(), p.z.extents), dgamma[i].data(), dbeta[i].data(), frozen,
                               scratch.data, i == 1 ? &ready : nullptr);
    }
    check_near(dz[1], {dz[0].begin(), dz[0].end()}, 1e-5, "dz");
    check_near(dgamma[1], {dgamma[0].begin(), dgamma[0].end()}, 1e-5, "dgamma");
    check_near(dbeta[1], {dbeta[0].begin(), dbeta[0].end()}, 1e-5, "dbeta");
  }
}

BOOST_AUTO_TEST_SUITE_END()
