// SPDX-License-Identifier: MIT
// Outputs so large that they are written past the caches.
#include <odt/core/text.hpp>
#include <odt/exec/cpu/convolution/convolution.hpp>

#include "exec/cpu/kernels.hpp"

using namespace odt;
using namespace odt::test;

namespace {

/// A dense tensor on a cache line's boundary.
struct image {
  shape extents;
  cpu::aligned_vector<float> values;

  explicit image(const shape& s) : extents(s), values(static_cast<std::size_t>(s.elements()), -77.0f) {}
  void fill(random_stream& random) {
    for (float& v : values) v = random.normal();
  }
  float at(int y, int x, int c) const {
    return values[static_cast<std::size_t>((y * extents.width + x) * extents.channels + c)];
  }
  cpu::tensor write() { return cpu::dense(values.data(), extents); }
  cpu::const_tensor read(const pending& transform = {}) const { return cpu::dense(values.data(), extents, transform); }
  /// Lines [y, y + rows).
  cpu::tensor lines(int y, int rows) {
    const shape s{1, rows, extents.width, extents.channels};
    return cpu::dense(values.data() + std::ptrdiff_t{y} * extents.width * extents.channels, s);
  }
};

constexpr int side = 300, narrow = 16, wide = 64;
const shape small{1, side, side, narrow}, large{1, side, side, wide};

struct stream_problem {
  image x{small}, z{large};
  std::vector<float> weights, table[6];
  pending before, finish, z_transform;

  stream_problem() {
    random_stream random(31);
    x.fill(random), z.fill(random);
    weights.resize(std::size_t{narrow} * wide);
    for (float& v : weights) v = random.normal() / 4;
    for (std::vector<float>& t : table) {
      t.resize(wide);
      for (float& v : t) v = random.normal();
    }
    before = {table[0].data(), table[1].data(), 0.0f, 6.0f};
    finish = {table[2].data(), table[3].data(), -1.0f, 2.0f};
    z_transform = {table[4].data(), table[5].data(), 0.0f, 1.5f};
  }
};

constexpr int piece = 20;  // lines

void check_statistics(const image& y, const std::vector<float>& mean, const std::vector<float>& variance) {
  std::vector<double> sum(wide, 0.0), square(wide, 0.0);
  const double count = static_cast<double>(y.extents.pixels());
  for (std::size_t i = 0; i < y.values.size(); ++i) sum[i % wide] += y.values[i] / count;
  for (std::size_t i = 0; i < y.values.size(); ++i)
    square[i % wide] += std::pow(y.values[i] - sum[i % wide], 2) / count;
  check_near(mean, sum, 1e-5, "mean");
  check_near(variance, square, 1e-5, "variance");
}

void check_forward(const stream_problem& p, const cpu::window& window, int threads) {
  thread_pool pool(threads);
  const scratch_memory scratch(cpu::conv_scratch(window, small, large, threads));
  image whole(large), parts(large);
  BOOST_TEST(cpu::worth_streaming(whole.write()));
  BOOST_TEST(!cpu::worth_streaming(parts.lines(0, piece)));
  std::vector<float> mean(wide), variance(wide);
  const cpu::batch_statistics statistics{mean.data(), variance.data()};
  cpu::conv_forward(pool, window, p.x.read(p.before), p.weights.data(), p.table[0].data(), whole.write(), &statistics,
                    scratch.data, p.finish);
  for (int y = 0; y < side; y += piece)
    cpu::conv_forward(pool, window, cpu::reading(const_cast<image&>(p.x).lines(y, piece), p.before), p.weights.data(),
                      p.table[0].data(), parts.lines(y, piece), nullptr, scratch.data, p.finish);
  BOOST_TEST((whole.values == parts.values));
  check_statistics(whole, mean, variance);
}

void check_sums(const stream_problem& p, const image& dx, const std::vector<float>& sum,
                const std::vector<float>& product) {
  std::vector<double> g(wide, 0.0), gz(wide, 0.0);
  for (std::size_t i = 0; i < dx.values.size(); ++i) {
    const std::size_t c = i % wide;
    const float y = std::fma(p.z.values[i], p.z_transform.scale[c], p.z_transform.shift[c]);
    if (y <= p.z_transform.low || y >= p.z_transform.high) continue;
    g[c] += dx.values[i];
    gz[c] += static_cast<double>(dx.values[i]) * (static_cast<double>(p.z.values[i]) - p.table[0][c]);
  }
  check_near(sum, g, 1e-4, "sum");
  check_near(product, gz, 1e-4, "product");
}

void check_backward(const stream_problem& p, const cpu::window& window, int threads) {
  thread_pool pool(threads);
  const scratch_memory scratch(cpu::conv_scratch(window, large, small, threads));
  image whole(large), parts(large);
  std::vector<float> sum(wide), product(wide);
  const cpu::gradient_sums sums{p.z.read(p.z_transform), p.table[0].data(), sum.data(), product.data()};
  cpu::conv_backward_data(pool, window, p.x.read(), p.weights.data(), whole.write(), false, scratch.data, &sums);
  for (int y = 0; y < side; y += piece)
    cpu::conv_backward_data(pool, window, cpu::reading(const_cast<image&>(p.x).lines(y, piece)), p.weights.data(),
                            parts.lines(y, piece), false, scratch.data);
  BOOST_TEST((whole.values == parts.values));
  check_sums(p, whole, sum, product);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(convolution_stream_tests)

BOOST_AUTO_TEST_CASE(large_outputs_are_those_of_their_pieces) {
  const stream_problem p;
  for (const precision compute : {precision::fp32, precision::bf16})
    for (const int threads : {1, 3}) {
      check_forward(p, {.compute = compute}, threads);
      check_backward(p, {.compute = compute}, threads);
    }
}

BOOST_AUTO_TEST_CASE(every_phase_of_a_stride_writes_its_pixels) {
  constexpr int channels = 8, half = side / 2;
  const shape out{1, half, half, channels};
  const cpu::window window{3, 3, 2, 2, 1, 0, 0};
  random_stream random(37);
  image dy(out), dx(large);
  dy.fill(random);
  std::vector<float> weights(std::size_t{9} * wide * channels);
  for (float& v : weights) v = random.normal();
  thread_pool pool(2);
  const scratch_memory scratch(cpu::conv_scratch(window, large, out, 2));
  cpu::conv_backward_data(pool, window, dy.read(), weights.data(), dx.write(), false, scratch.data);
  std::vector<float> actual;
  std::vector<double> expected;
  for (const int iy : {0, 1, 2, 149, 150, 298, 299})
    for (const int ix : {0, 1, 37, 298, 299})
      for (int c = 0; c < wide; c += 9) {
        double sum = 0;
        for (int tap = 0; tap < 9; ++tap) {
          const int y = iy - tap / 3, x = ix - tap % 3;
          if (y < 0 || x < 0 || y % 2 != 0 || x % 2 != 0 || y / 2 >= half || x / 2 >= half) continue;
          for (int o = 0; o < channels; ++o)
            sum += static_cast<double>(dy.at(y / 2, x / 2, o)) *
                   weights[static_cast<std::size_t>((tap * wide + c) * channels + o)];
        }
        actual.push_back(dx.at(iy, ix, c));
        expected.push_back(sum);
      }
  check_near(actual, expected, 1e-5, "dx");
  BOOST_TEST(std::count(dx.values.begin(), dx.values.end(), -77.0f) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
