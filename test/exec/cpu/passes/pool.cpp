// SPDX-License-Identifier: MIT
#include <odt/exec/cpu/passes/pool.hpp>

#include "exec/cpu/kernels.hpp"

using namespace odt;
using namespace odt::test;

namespace {

/// What pooling ought to give, in double.
struct pool_reference {
  std::vector<double> y, dx;

  pool_reference(bool max, const cpu::window& w, const host_tensor& x, const pending& p, const host_tensor& dy) {
    host_tensor sums(x.extents);
    sums.each([&](int n, int r, int q, int c) { sums.at(n, r, q, c) = 0.0f; });
    dy.each([&](int n, int oy, int ox, int c) {
      double best = -1e300, sum = 0;
      int count = 0, at_y = 0, at_x = 0;
      const auto taps = [&](const auto& f) {
        for (int ky = 0; ky < w.kernel_height; ++ky)
          for (int kx = 0; kx < w.kernel_width; ++kx) {
            const int iy = oy * w.stride_height - w.pad_top + ky, ix = ox * w.stride_width - w.pad_left + kx;
            if (iy >= 0 && iy < x.extents.height && ix >= 0 && ix < x.extents.width) f(iy, ix);
          }
      };
      taps([&](int iy, int ix) {
        const double value = static_cast<float>(transformed(p, x.at(n, iy, ix, c), c));
        sum += value;
        ++count;
        if (value > best) best = value, at_y = iy, at_x = ix;
      });
      y.push_back(max ? best : sum / count);
      if (max)
        sums.at(n, at_y, at_x, c) += dy.at(n, oy, ox, c);
      else
        taps([&](int iy, int ix) { sums.at(n, iy, ix, c) += dy.at(n, oy, ox, c) / static_cast<float>(count); });
    });
    const auto values = sums.dense();
    dx.assign(values.begin(), values.end());
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pool_tests)

BOOST_AUTO_TEST_CASE(agrees_with_the_definition_for_any_threads) {
  for (const bool max : {true, false})
    for (const char* padding : {"SAME", "VALID"})
      for (const int kernel : {1, 2, 3})
        for (const int stride : {1, 2})
          for (const int channels : {1, 7, 64, 100}) {
            random_stream random(5);
            const same_window w(padding, 7, 8, kernel, kernel, stride);
            host_tensor x({2, 7, 8, channels}, 1), dy({2, w.height, w.width, channels}, 1);
            x.fill(random);
            dy.fill(random);
            x.each([&](int n, int r, int q, int c) { x.at(n, r, q, c) = std::round(x.at(n, r, q, c) * 2); });  // ties
            const std::vector<float> scale(static_cast<std::size_t>(channels), -0.5f), shift(scale.size(), 0.25f);
            const pending p{scale.data(), shift.data(), -0.5f, 1.0f};
            const pool_reference expected(max, w.window, x, p, dy);
            std::vector<float> before;
            for (const int threads : {1, 2, 3}) {
              thread_pool pool(threads);
              host_tensor y(dy.extents, 1), dx(x.extents, 1);
              for (const bool accumulate : {false, true}) {
                if (max) {
                  cpu::max_pool_forward(pool, w.window, x.read(p), y.write());
                  cpu::max_pool_backward(pool, w.window, x.read(p), dy.read(), dx.write(), accumulate);
                } else {
                  cpu::avg_pool_forward(pool, w.window, x.read(p), y.write());
                  cpu::avg_pool_backward(pool, w.window, dy.read(), dx.write(), accumulate);
                }
              }
              check_near(y.dense(), expected.y, 1e-6, "y");
              auto twice = expected.dx;
              for (double& v : twice) v *= 2;
              check_near(dx.dense(), twice, 1e-6, "dx");
              BOOST_TEST(y.margins_untouched());
              BOOST_TEST(dx.margins_untouched());
              if (threads > 1) BOOST_TEST((dx.dense() == before));
              before = dx.dense();
            }
          }
}

BOOST_AUTO_TEST_CASE(is_tensorflows, *needs(golden() / "units/nn/pool")) {
  for (const golden_case& c : golden_cases("nn/pool")) {
    const array x = c.in("x"), dy = c.in("dy");
    const auto at = [](const array& a, std::size_t i) { return static_cast<int>(a.shape[i]); };
    const auto& params = c.params();
    const int kernel = params.at("kernel").get<int>();
    const same_window w(params.at("padding").get<std::string>(), at(x, 1), at(x, 2), kernel, kernel,
                        params.at("stride").get<int>());
    const shape in{at(x, 0), at(x, 1), at(x, 2), at(x, 3)}, out{at(dy, 0), at(dy, 1), at(dy, 2), at(dy, 3)};
    const auto xs = x.as<float>(), dys = dy.as<float>();
    std::vector<float> y(dys.size()), dx(xs.size());
    thread_pool pool(2);
    if (params.at("pool") == "max") {
      cpu::max_pool_forward(pool, w.window, cpu::dense(xs.data(), in), cpu::dense(y.data(), out));
      cpu::max_pool_backward(pool, w.window, cpu::dense(xs.data(), in), cpu::dense(dys.data(), out),
                             cpu::dense(dx.data(), in), false);
    } else {
      cpu::avg_pool_forward(pool, w.window, cpu::dense(xs.data(), in), cpu::dense(y.data(), out));
      cpu::avg_pool_backward(pool, w.window, cpu::dense(dys.data(), out), cpu::dense(dx.data(), in), false);
    }
    check_close(y, c.out("y"), c, "y");
    check_close(dx, c.out("dx"), c, "dx");
  }
}

BOOST_AUTO_TEST_SUITE_END()
