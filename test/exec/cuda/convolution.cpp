// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/convolution/convolution.hpp>

#include "exec/cpu/convolution/convolution_problem.hpp"
#include "exec/cuda/device.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

namespace odt::test {
namespace {

namespace data = boost::unit_test::data;

const conv_layer more_layers[] = {
    {2, 19, 19, 64, 128, 1, 1, 1, "SAME"},
    {2, 19, 19, 32, 64, 3, 1, 1, "SAME"},
    {3, 38, 38, 256, 256, 1, 1, 1, "SAME"},
    {2, 38, 38, 64, 192, 3, 1, 1, "SAME"},
    {2, 19, 19, 128, 160, 3, 2, 1, "SAME"},
    {4, 75, 75, 64, 128, 1, 1, 1, "SAME"},
    {1, 19, 19, 512, 273, 1, 1, 1, "SAME"},
    {8, 38, 38, 128, 64, 1, 1, 1, "SAME"},
    // data gradients in phases
    {2, 10, 9, 24, 16, 3, 2, 1, "SAME"},
    {1, 11, 8, 16, 40, 3, 2, 2, "SAME"},
    {1, 9, 7, 16, 24, 1, 2, 1, "SAME"},
    {1, 1, 6, 8, 8, 3, 2, 1, "SAME"},
    {2, 9, 9, 72, 16, 5, 2, 1, "VALID"},
    {3, 38, 37, 136, 24, 3, 2, 1, "SAME"},
    {1, 11, 13, 16, 24, 3, 4, 1, "SAME"},
};

std::vector<conv_layer> all_layers() {
  std::vector<conv_layer> all(std::begin(conv_layers), std::end(conv_layers));
  all.insert(all.end(), std::begin(more_layers), std::end(more_layers));
  const auto products = [](const conv_layer& l) {
    return 1e-6 * l.batch * l.height * l.width * l.in * l.out * l.kernel * l.kernel / l.stride / l.stride;
  };
  if (emulated) std::erase_if(all, [&](const conv_layer& l) { return products(l) > 10; });
  return all;
}

const std::vector<int> margins = emulated ? std::vector{0, 3} : std::vector{0, 3, 8};

cuda::window window_of(const cpu::window& w) {
  return {w.kernel_height, w.kernel_width, w.stride_height, w.rate, w.pad_top, w.pad_left};
}

std::vector<float> packed_matrix(const std::vector<float>& weights, int columns) {
  const std::size_t rows = weights.size() / static_cast<std::size_t>(columns);
  const auto stride = static_cast<std::size_t>(cuda::packed(columns));
  std::vector<float> result(static_cast<std::size_t>(cuda::packed(static_cast<std::int64_t>(rows))) * stride, 0.0f);
  for (std::size_t r = 0; r < rows; ++r)
    std::copy_n(weights.begin() + static_cast<std::ptrdiff_t>(r * static_cast<std::size_t>(columns)), columns,
                result.begin() + static_cast<std::ptrdiff_t>(r * stride));
  return result;
}

/// Values that bf16 holds exactly.
void round_to_bf16(std::vector<float>& values) {
  for (float& v : values) v = static_cast<float>(cuda::bf16(v));
}

/// Mean and variance joined from parts, as batch norm joins them.
std::pair<std::vector<float>, std::vector<float>> joined(const std::vector<float>& rows, int parts,
                                                         std::size_t channels, std::size_t stride) {
  std::vector<float> mean(channels), variance(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    double count = 0, m = 0, m2 = 0;
    for (int p = 0; p < parts; ++p) {
      const auto at = [&](std::size_t row) {
        return static_cast<double>(rows[(3 * static_cast<std::size_t>(p) + row) * stride + c]);
      };
      const double n = at(0), apart = at(1) - m;
      if (n == 0) continue;
      m += apart * n / (count + n);
      m2 += at(2) + apart * apart * count * n / (count + n);
      count += n;
    }
    mean[c] = static_cast<float>(m), variance[c] = static_cast<float>(m2 / count);
  }
  return {mean, variance};
}

template <class T>
void compare(const conv_layer& l, int margin, double ask) {
  conv_problem problem(l, margin, 7);
  if (sizeof(T) == 2)
    for (auto* values : {&problem.x.values, &problem.dy.values, &problem.weights}) round_to_bf16(*values);
  const cpu::window& on_host = problem.window;
  const pending transform{problem.scale.data(), problem.shift.data(), 0.0f, 6.0f};
  const conv_reference expected(on_host, problem.x, transform, problem.weights, problem.bias, problem.dy);
  const conv_reference raw(on_host, problem.x, {}, problem.weights, problem.bias, problem.dy);

  const device_activation<T> x(problem.x), dy(problem.dy), y(host_tensor(problem.dy.extents, margin));
  host_tensor before(problem.x.extents, margin);
  before.each([&](int n, int row, int column, int k) { before.at(n, row, column, k) = 0.5f; });
  const host_tensor blank_y(problem.dy.extents, margin);
  const device_activation<T> out(blank_y), dx(before), plain(blank_y);
  const on_device<T> weights(packed_matrix(problem.weights, l.out));
  const on_device<float> bias(problem.bias), scale(problem.scale), shift(problem.shift);
  const cuda::pending how{scale.data(), shift.data(), 0.0f, 6.0f};
  const cuda::window w = window_of(on_host);
  const auto channels_in = static_cast<std::size_t>(l.in), channels_out = static_cast<std::size_t>(l.out);

  // Forward, with the input's transform and the output's moments.
  const on_device<float> moments(std::vector<float>(3 * cuda::most_parts * (channels_out + 3), NAN));
  const int parts = cuda::conv_forward(nullptr, w, x.read(how), weights.data(), bias.data(), out.write(),
                                       {moments.data(), static_cast<std::int64_t>(channels_out + 3)});
  const host_tensor result = out.host();
  BOOST_TEST(result.margins_untouched());
  check_distance(result.dense(), expected.y, ask, "y");
  const auto [mean, variance] = joined(moments.host(), parts, channels_out, channels_out + 3);
  const auto [true_mean, true_variance] = moments_of(result);
  for (std::size_t k = 0; k < channels_out; ++k) {
    BOOST_TEST(std::abs(mean[k] - true_mean[k]) <= 1e-5 * (1 + std::abs(true_mean[k])));
    BOOST_TEST(std::abs(variance[k] - true_variance[k]) <= 2e-5 * (1 + true_variance[k]));
  }
  cuda::conv_forward(nullptr, w, x.read(), weights.data(), bias.data(), plain.write());
  check_distance(plain.host().dense(), raw.y, ask, "y without a transform");

  // The data gradient, added to what is there, with the sums for the input's batch norm.
  const on_device<float> sums(std::vector<float>(2 * cuda::most_parts * channels_in, NAN));
  const on_device<float> means(std::vector<float>(channels_in, 0.125f));
  const int sum_parts = cuda::conv_backward_data(
      nullptr, w, cuda::tensor<const T>(dy.write()), weights.data(), dx.write(), true,
      cuda::gradient_sums<T>{x.read(how), means.data(), {sums.data(), static_cast<std::int64_t>(channels_in)}});
  std::vector<double> wanted = raw.dx;
  for (double& v : wanted) v += 0.5;
  const host_tensor gradient = dx.host();
  BOOST_TEST(gradient.margins_untouched());
  check_distance(gradient.dense(), wanted, ask, "dx");
  std::vector<double> sum(2 * channels_in, 0.0), expected_sum(2 * channels_in, 0.0), size(2 * channels_in, 1e-3);
  const std::vector<float> rows = sums.host();
  for (int p = 0; p < 2 * sum_parts; ++p)
    for (std::size_t k = 0; k < channels_in; ++k)
      sum[static_cast<std::size_t>(p % 2) * channels_in + k] +=
          static_cast<double>(rows[static_cast<std::size_t>(p) * channels_in + k]);
  gradient.each([&](int n, int row, int column, int k) {
    const auto i = static_cast<std::size_t>(k);
    const float z = problem.x.at(n, row, column, k), value = std::fma(z, problem.scale[i], problem.shift[i]);
    if (!(value > 0 && value < 6)) return;
    const double g = gradient.at(n, row, column, k);
    expected_sum[i] += g, size[i] += std::abs(g);
    expected_sum[channels_in + i] += g * (z - 0.125), size[channels_in + i] += std::abs(g * (z - 0.125));
  });
  for (std::size_t k = 0; k < sum.size(); ++k) BOOST_TEST(std::abs(sum[k] - expected_sum[k]) <= 1e-5 * size[k]);

  // The same over what was never written; phases without taps are zeros.
  if (l.stride > 1) {
    host_tensor unwritten(problem.x.extents);
    unwritten.each([&](int n, int row, int column, int k) { unwritten.at(n, row, column, k) = NAN; });
    const device_activation<T> fresh(unwritten);
    cuda::conv_backward_data(nullptr, w, cuda::tensor<const T>(dy.write()), weights.data(), fresh.write(), false);
    check_distance(fresh.host().dense(), raw.dx, ask, "dx over nothing");
  }

  // The weights' gradient.
  const cuda::weights_matrix matrix{l.kernel * l.kernel * l.in, l.out, 0};
  const std::int64_t pixels = std::int64_t{1} * l.batch * problem.dy.extents.height * problem.dy.extents.width;
  const on_device<float> dw(std::vector<float>(problem.weights.size(), NAN)),
      dbias(std::vector<float>(channels_out, NAN));
  const cuda::device_array<float> scratch(
      static_cast<std::size_t>(cuda::conv_weights_scratch(matrix, pixels, cuda::multiprocessors())));
  cuda::conv_backward_weights(nullptr, w, x.read(how), cuda::tensor<const T>(dy.write()),
                              {matrix, dw.data(), dbias.data()}, scratch.data());
  check_distance(dw.host(), expected.dw, ask, "dw");
  check_distance(dbias.host(), expected.dbias, 1e-5, "dbias");
}

BOOST_AUTO_TEST_SUITE(cuda_convolution, *needs_gpu())

BOOST_DATA_TEST_CASE(float_kernels_agree_with_the_reference, data::xrange(all_layers().size()) * data::make(margins), i,
                     margin) {
  BOOST_TEST_CONTEXT(name(all_layers()[i]) << ", margin " << margin) compare<float>(all_layers()[i], margin, 2e-6);
}

BOOST_DATA_TEST_CASE(bf16_kernels_agree_with_the_reference, data::xrange(all_layers().size()) * data::make(margins), i,
                     margin) {
  BOOST_TEST_CONTEXT(name(all_layers()[i]) << ", margin " << margin)
  compare<cuda::bf16>(all_layers()[i], margin, 4e-3);
}

/// Two heads over one feature map: what each predicts and what it learns is as if it ran alone.
template <class T>
void compare_heads(int kernel, int boxes, int classes, double ask) {
  const conv_layer l{2, 9, 7, 24, boxes * 4, kernel, 1, 1, "SAME"},
      m{2, 9, 7, 24, boxes * classes, kernel, 1, 1, "SAME"};
  conv_problem first(l, 0, 11), second(m, 3, 12);
  second.x = first.x;
  for (conv_problem* p : {&first, &second}) {
    if (sizeof(T) == 2)
      for (auto* values : {&p->x.values, &p->weights, &p->dy.values}) round_to_bf16(*values);
  }
  const conv_reference expected(first.window, first.x, {}, first.weights, first.bias, first.dy);
  const conv_reference others(second.window, first.x, {}, second.weights, second.bias, second.dy);
  const cuda::window w = window_of(first.window);
  const cuda::weights_matrix own{kernel * kernel * l.in, l.out, 0}, other{own.rows, m.out, 0};
  const cuda::weights_matrix both = cuda::side_by_side(own, other);
  const auto stride = cuda::packed(both.columns), split = cuda::packed(l.out);

  // The weights, packed side by side.
  std::vector<float> variables = first.weights;
  variables.insert(variables.end(), second.weights.begin(), second.weights.end());
  const on_device<float> values(variables);
  const std::vector<cuda::packing> what{{own, 0, 0, stride}, {other, std::ssize(first.weights), split, stride}};
  const cuda::device_array<cuda::packing> list(2);
  cuda::check(cudaMemcpy(list.data(), what.data(), list.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
  const cuda::device_array<T> weights(static_cast<std::size_t>(both.packed_elements()));
  cuda::pack_weights(nullptr, list.data(), 2, values.data(), weights.data());

  const device_activation<T> x(first.x);
  const host_tensor blank_y(first.dy.extents), blank_z(second.dy.extents, 3);
  const device_activation<float> y(blank_y), z(blank_z), dy(first.dy), dz(second.dy);
  const on_device<float> bias(first.bias), other_bias(second.bias);
  cuda::conv_forward_heads(nullptr, w, x.read(), weights.data(), {y.write(), bias.data()},
                           {z.write(), other_bias.data()});
  check_distance(y.host().dense(), expected.y, 2e-6, "y");
  check_distance(z.host().dense(), others.y, 2e-6, "z");
  BOOST_TEST(z.host().margins_untouched());

  // Alone.
  const on_device<T> own_weights(packed_matrix(first.weights, l.out));
  const device_activation<float> alone(blank_y);
  cuda::conv_forward_heads(nullptr, w, x.read(), own_weights.data(), {alone.write(), bias.data()});
  BOOST_TEST((alone.host().values == y.host().values));

  // Backward.
  const std::int64_t pixels = 2 * 9 * 7;
  const cuda::device_array<T> padded(static_cast<std::size_t>(pixels * stride));
  cuda::pad_channels(nullptr, cuda::tensor<const float>(dy.write()), cuda::tensor<const float>(dz.write()),
                     padded.data());
  const cuda::tensor<const T> gradient{padded.data(), 2, 9, 7, static_cast<int>(stride), stride, 9 * 7 * stride};
  const host_tensor blank_x(first.x.extents);
  const device_activation<T> dx(blank_x);
  cuda::conv_backward_data(nullptr, w, gradient, weights.data(), dx.write(), false);
  std::vector<double> wanted = expected.dx;
  for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] += others.dx[i];
  check_distance(dx.host().dense(), wanted, ask, "dx");
  const on_device<float> dw(first.weights), dbias(first.bias), other_dw(second.weights), other_dbias(second.bias);
  const cuda::device_array<float> scratch(
      static_cast<std::size_t>(cuda::conv_weights_scratch(both, pixels, cuda::multiprocessors())));
  cuda::conv_backward_weights(nullptr, w, x.read(), gradient, {own, dw.data(), dbias.data()},
                              {other, other_dw.data(), other_dbias.data()}, scratch.data());
  check_distance(dw.host(), expected.dw, 2e-6, "dw");
  check_distance(dbias.host(), expected.dbias, 1e-5, "dbias");
  check_distance(other_dw.host(), others.dw, 2e-6, "the other's dw");
  check_distance(other_dbias.host(), others.dbias, 1e-5, "the other's dbias");
}

BOOST_DATA_TEST_CASE(two_heads_run_as_one,
                     data::make({1, 3, 1, 3}) ^ data::make({3, 6, 6, 2}) ^ data::make({91, 4, 21, 12}), kernel, boxes,
                     classes) {
  compare_heads<float>(kernel, boxes, classes, 2e-6);
  compare_heads<cuda::bf16>(kernel, boxes, classes, 4e-3);
}

BOOST_AUTO_TEST_CASE(a_depthwise_convolution_with_a_multiplier_runs_as_a_dense_one) {
  const conv_layer l{2, 21, 20, 3, 24, 7, 2, 1, "SAME"};
  conv_problem problem(l, 0, 13);
  random_stream random(3);
  const std::vector<float> own = normals(7 * 7 * 3 * 8, random);
  const conv_reference expected(problem.window, problem.x, {}, own, {}, problem.dy, 8);
  const on_device<float> variables(own);
  const cuda::packing what{{147, 24, 8}, 0, 0, 24};
  const cuda::device_array<cuda::packing> list(1);
  cuda::check(cudaMemcpy(list.data(), &what, sizeof what, cudaMemcpyHostToDevice), "cudaMemcpy");
  const cuda::device_array<float> weights(152 * 24);
  cuda::pack_weights(nullptr, list.data(), 1, variables.data(), weights.data());
  const device_activation<float> x(problem.x), y(problem.dy), dy(problem.dy);
  const cuda::window w = window_of(problem.window);
  cuda::conv_forward(nullptr, w, x.read(), weights.data(), nullptr, y.write());
  check_distance(y.host().dense(), expected.y, 2e-6, "y");
  const on_device<float> dw(own);
  const cuda::device_array<float> scratch(
      static_cast<std::size_t>(cuda::conv_weights_scratch(what.of, 2 * 11 * 10, cuda::multiprocessors())));
  cuda::conv_backward_weights(nullptr, w, x.read(), cuda::tensor<const float>(dy.write()), {what.of, dw.data()},
                              scratch.data());
  check_distance(dw.host(), expected.dw, 2e-6, "dw");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace odt::test
