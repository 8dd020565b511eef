// SPDX-License-Identifier: MIT
#include <odt/exec/cpu/convolution/winograd.hpp>

#include "exec/cpu/convolution/convolution_problem.hpp"

using namespace odt;
using namespace odt::test;

namespace {

void check(const conv_layer& l, int margin, bool affine, bool clamp, bool with_bias) {
  const conv_problem p(l, margin, 7);
  pending transform;
  if (affine) transform = {p.scale.data(), p.shift.data()};
  if (clamp) transform.low = 0.0f, transform.high = 1.0f;
  const conv_results r = p.run(1, transform, with_bias);
  const conv_reference expected(p.window, p.x, transform, p.weights, with_bias ? p.bias : std::vector<float>{}, p.dy);
  check_near(r.y, expected.y, 1e-5, name(l) + ", y");
  check_near(r.dx, expected.dx, 1e-5, name(l) + ", dx");
  // Rounding errors of a sum grow as the root of its terms; the points of a tile are differences, which doubles them.
  const bool points = cpu::detail::winograd::suits(p.window, p.x.extents, p.dy.extents);
  const double rounding = 1e-5 + 5e-7 * std::sqrt(static_cast<double>(p.dy.extents.pixels()));
  check_near(r.dw, expected.dw, points ? 2 * rounding : rounding, name(l) + ", dw");
  check_near(r.dbias, expected.dbias, 3e-5, name(l) + ", dbias");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(convolution_tests)

BOOST_AUTO_TEST_CASE(agrees_with_the_definition) {
  for (const conv_layer& l : conv_layers) check(l, 0, false, false, true);
}

BOOST_AUTO_TEST_CASE(applies_the_transform_before_the_padding) {
  for (const conv_layer& l : conv_layers) {
    check(l, 0, true, true, false);
    check(l, 0, false, true, false);
  }
}

BOOST_AUTO_TEST_CASE(reads_and_writes_parts_of_wider_tensors) {
  for (const conv_layer& l : conv_layers) check(l, 3, true, false, true);
}

BOOST_AUTO_TEST_CASE(adds_to_gradients_when_asked) {
  for (const conv_layer& l : conv_layers) {
    const conv_problem p(l, 0, 3);
    const conv_results once = p.run(1, {}, false), added = p.run(1, {}, false, true);
    const auto plus = [](const std::vector<float>& values, double more) {
      std::vector<double> sum(values.begin(), values.end());
      for (double& v : sum) v += more;
      return sum;
    };
    check_near(added.dx, plus(once.dx, 1.0), 1e-5, name(l) + ", dx");
    check_near(added.dw, plus(once.dw, 0.25), 1e-5, name(l) + ", dw");
    check_near(added.dbias, plus(once.dbias, 0.5), 1e-5, name(l) + ", dbias");
  }
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_a_bit) {
  for (const conv_layer& l : conv_layers) {
    const conv_problem p(l, 0, 5);
    const pending transform{p.scale.data(), p.shift.data(), 0.0f, 6.0f};
    const conv_results one = p.run(1, transform, true);
    for (const int threads : {2, 3, 5}) BOOST_TEST((p.run(threads, transform, true) == one), name(l));
  }
}

BOOST_AUTO_TEST_CASE(caches_do_not_change_a_bit) {
  for (const conv_layer& l : conv_layers) {
    const conv_problem p(l, 0, 6);
    const pending transform{p.scale.data(), p.shift.data(), 0.0f, 6.0f};
    const conv_results here = p.run(2, transform, true);
    for (const std::size_t bytes : {std::size_t{16} << 10, std::size_t{80} << 10, std::size_t{16} << 20}) {
      const pretended_l2 cache(bytes);
      BOOST_TEST((p.run(2, transform, true) == here), name(l) << ", " << bytes);
    }
  }
}

BOOST_AUTO_TEST_CASE(conv2d_is_tensorflows, *needs(golden() / "units/nn/conv2d")) {
  for (const char* folder : {"nn/conv2d", "nn/conv2d_same"})
    for (const golden_case& c : golden_cases(folder)) {
      const array x = c.in("x"), w = c.in("weights"), dy = c.in("dy");
      const auto at = [](const array& a, std::size_t i) { return static_cast<int>(a.shape[i]); };
      const int kernel = at(w, 0), stride = c.params().at("stride").get<int>(), rate = c.params().at("rate").get<int>();
      std::string padding = c.content["params"].value("padding", "EXPLICIT");
      if (std::string(folder) == "nn/conv2d_same" && stride == 1) padding = "SAME";
      same_window window(padding, at(x, 1), at(x, 2), kernel, kernel, stride, rate);
      if (padding == "EXPLICIT") window.window.pad_top = window.window.pad_left = ((kernel - 1) * rate) / 2;
      const shape in{at(x, 0), at(x, 1), at(x, 2), at(x, 3)}, out{at(dy, 0), at(dy, 1), at(dy, 2), at(dy, 3)};
      const auto xs = x.as<float>(), ws = w.as<float>(), dys = dy.as<float>();
      std::vector<float> y(dys.size()), dx(xs.size()), dw(ws.size());
      thread_pool pool(2);
      const scratch_memory scratch(cpu::conv_scratch(window.window, in, out, pool.size()));
      cpu::conv_forward(pool, window.window, cpu::dense(xs.data(), in), ws.data(), nullptr, cpu::dense(y.data(), out),
                        nullptr, scratch.data);
      cpu::conv_backward_data(pool, window.window, cpu::dense(dys.data(), out), ws.data(), cpu::dense(dx.data(), in),
                              false, scratch.data);
      cpu::conv_backward_weights(pool, window.window, cpu::dense(xs.data(), in), cpu::dense(dys.data(), out), dw.data(),
                                 nullptr, scratch.data);
      check_close(y, c.out("y"), c, "y");
      check_close(dx, c.out("dx"), c, "dx");
      check_close(dw, c.out("dweights"), c, "dweights");
    }
}

BOOST_AUTO_TEST_SUITE_END()
