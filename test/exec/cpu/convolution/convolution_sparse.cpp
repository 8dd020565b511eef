// SPDX-License-Identifier: MIT
// Gradients that are zero at most pixels, as hard mining leaves them.
#include "exec/cpu/convolution/convolution_problem.hpp"

using namespace odt;
using namespace odt::test;
using cpu::gradient_kind;

namespace {

constexpr float dx_before = 1.0f, dw_before = 0.25f, bias_before = 0.5f;

struct gradients {
  host_tensor dx;
  std::vector<float> dw, dbias;
  bool operator==(const gradients& o) const { return dx.values == o.dx.values && dw == o.dw && dbias == o.dbias; }
};

/// A problem whose gradient is zero at all pixels but a share of them.
struct sparse_problem : conv_problem {
  pending transform;

  sparse_problem(const conv_layer& l, int margin, float share) : conv_problem(l, margin, 17) {
    transform = {scale.data(), shift.data(), 0.0f, 1.0f};
    random_stream random(18);
    each_pixel([&](int n, int row, int column) {
      if (random.uniform(0, 1) < share) return;
      for (int c = 0; c < dy.extents.channels; ++c) dy.at(n, row, column, c) = 0.0f;
    });
  }

  template <class F>
  void each_pixel(const F& f) const {
    for (int n = 0; n < dy.extents.batch; ++n)
      for (int row = 0; row < dy.extents.height; ++row)
        for (int column = 0; column < dy.extents.width; ++column) f(n, row, column);
  }

  gradients run(gradient_kind kind, bool accumulate, int threads = 1) const {
    thread_pool pool(threads);
    const scratch_memory scratch(cpu::conv_scratch(window, x.extents, dy.extents, threads));
    gradients g{host_tensor(x.extents, x.margin), std::vector<float>(weights.size(), dw_before),
                std::vector<float>(bias.size(), bias_before)};
    g.dx.each([&](int n, int row, int column, int c) { g.dx.at(n, row, column, c) = dx_before; });
    cpu::conv_backward_data(pool, window, dy.read(), weights.data(), g.dx.write(), accumulate, scratch.data, nullptr,
                            kind);
    cpu::conv_backward_weights(pool, window, x.read(transform), dy.read(), g.dw.data(), g.dbias.data(), scratch.data,
                               accumulate, kind);
    BOOST_TEST(g.dx.margins_untouched());
    return g;
  }

  bool active(int n, int row, int column) const {
    for (int c = 0; c < dy.extents.channels; ++c)
      if (dy.at(n, row, column, c) != 0.0f) return true;
    return false;
  }

  /// Whether all of dx that no active pixel reaches is as it would be without a gradient.
  bool rest_is_untouched(const host_tensor& dx, float expected) const {
    host_tensor reached(x.extents);
    each_tap(window, x.extents, dy.extents, [&](int n, int oy, int ox, int, int, int iy, int ix) {
      if (active(n, oy, ox)) reached.at(n, iy, ix, 0) = 1.0f;
    });
    bool untouched = true;
    dx.each([&](int n, int row, int column, int c) {
      if (reached.at(n, row, column, 0) != 1.0f && dx.at(n, row, column, c) != expected) untouched = false;
    });
    return untouched;
  }
};

std::vector<double> doubles(const std::vector<float>& values) { return {values.begin(), values.end()}; }

void check(const conv_layer& l, int margin, float share, bool accumulate, precision compute) {
  sparse_problem p(l, margin, share);
  p.window.compute = compute;
  const std::string what = str(name(l), ", ", share * 100, " % active");
  const gradients dense = p.run(gradient_kind::dense, accumulate), sparse = p.run(gradient_kind::sparse, accumulate);
  check_near(sparse.dx.dense(), doubles(dense.dx.dense()), 1e-5, what + ", dx");
  check_near(sparse.dw, doubles(dense.dw), 1e-5 + 5e-7 * std::sqrt(static_cast<double>(p.dy.extents.pixels())),
             what + ", dw");
  BOOST_TEST((sparse.dbias == dense.dbias), what);
  BOOST_TEST(p.rest_is_untouched(sparse.dx, accumulate ? dx_before : 0.0f), what);
  if (share > 0) return;
  const std::vector<float> none(sparse.dw.size(), accumulate ? dw_before : 0.0f);
  BOOST_TEST((sparse.dw == none), what);
}

/// Where values are not numbers.
std::vector<bool> lost(const std::vector<float>& values) {
  std::vector<bool> where;
  for (const float v : values) where.push_back(std::isnan(v));
  return where;
}

std::ptrdiff_t count(const std::vector<bool>& where) { return std::count(where.begin(), where.end(), true); }

}  // namespace

BOOST_AUTO_TEST_SUITE(convolution_sparse_tests)

BOOST_AUTO_TEST_CASE(agrees_with_the_dense_gradient) {
  for (const conv_layer& l : conv_layers)
    for (const float share : {0.0f, 0.05f, 1.0f})
      for (const bool accumulate : {false, true}) {
        check(l, 0, share, accumulate, precision::fp32);
        check(l, 3, share, accumulate, precision::bf16);
      }
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_a_bit) {
  for (const conv_layer& l : conv_layers)
    for (const precision compute : {precision::fp32, precision::bf16}) {
      sparse_problem p(l, 0, 0.3f);
      p.window.compute = compute;
      const gradients one = p.run(gradient_kind::sparse, false);
      for (const int threads : {2, 3, 5}) BOOST_TEST((p.run(gradient_kind::sparse, false, threads) == one), name(l));
    }
}

BOOST_AUTO_TEST_CASE(one_channel_of_one_pixel_is_enough) {
  for (const conv_layer& l :
       {conv_layer{1, 9, 8, 37, 33, 1, 1, 1, "SAME"}, conv_layer{2, 8, 9, 20, 35, 3, 1, 1, "SAME"}})
    for (const int channel : {0, 15, 16, 31, 32}) {
      sparse_problem p(l, 0, 0.0f);
      p.dy.at(l.batch - 1, 7, 7, channel) = 1e-30f;
      const gradients g = p.run(gradient_kind::sparse, false);
      BOOST_TEST((g.dw == p.run(gradient_kind::dense, false).dw), name(l));
      BOOST_TEST(std::any_of(g.dw.begin(), g.dw.end(), [](float v) { return v != 0.0f; }), name(l));
      BOOST_TEST(g.dbias[static_cast<std::size_t>(channel)] == 1e-30f);
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_a_number_is_not_lost) {
  for (const conv_layer& l : conv_layers)
    for (const precision compute : {precision::fp32, precision::bf16}) {
      sparse_problem p(l, 0, 0.0f);
      p.window.compute = compute;
      p.dy.at(l.batch - 1, p.dy.extents.height / 2, p.dy.extents.width / 2, l.out - 1) = std::nanf("");
      const gradients dense = p.run(gradient_kind::dense, false), sparse = p.run(gradient_kind::sparse, false);
      BOOST_TEST(count(lost(sparse.dw)) > 0, name(l));
      BOOST_TEST((lost(sparse.dw) == lost(dense.dw)), name(l));
      BOOST_TEST(count(lost(sparse.dx.dense())) > 0, name(l));
      BOOST_TEST((lost(sparse.dx.dense()) == lost(dense.dx.dense())), name(l));
      BOOST_TEST((lost(sparse.dbias) == lost(dense.dbias)), name(l));
    }
}

BOOST_AUTO_TEST_SUITE_END()
