// SPDX-License-Identifier: MIT
#include <odt/core/text.hpp>
#include <odt/exec/cpu/passes/batch_norm.hpp>
#include <odt/exec/cpu/passes/pool.hpp>
#include <odt/exec/cuda/passes/apply.hpp>
#include <odt/exec/cuda/passes/batch_norm.hpp>
#include <odt/exec/cuda/passes/elements.hpp>
#include <odt/exec/cuda/passes/pool.hpp>

#include "exec/cuda/passes.hpp"

namespace odt::test {

BOOST_AUTO_TEST_SUITE(cuda_passes, *needs_gpu())

BOOST_AUTO_TEST_CASE_TEMPLATE(transforms_are_applied, T, types) {
  for (const extent& e : extents) {
    random_stream random(1);
    const host_tensor x = random_activation<T>(random, e.s, e.margin);
    const two_pendings p(random, e.s.channels, 0.0f, 1.0f);
    const device_activation<T> device(x);
    thread_pool pool(1);
    host_tensor expected(e.s, e.margin);
    cpu::apply(pool, {}, x.read(p.host()), expected.write());
    const output<T> y(e.s, e.margin), nothing(e.s, e.margin);
    cuda::apply<T>(nullptr, elementwise{}, device.read(p.device()), y.device.write());
    y.check(expected, one_rounding<T>, name(e));
    cuda::clear<T>(nullptr, nothing.device.write());
    nothing.check(output<T>::filled(e.s, e.margin, 0.0f), 0, name(e) + ", cleared");
    host_tensor gradient = x;
    const device_activation<T> dy(gradient);
    cuda::activation_backward<T>(nullptr, device.read(p.device()), dy.write());
    cpu::activation_backward(pool, x.read(p.host()), gradient.write());
    check_tensor(dy, gradient, one_rounding<T>, name(e) + ", backward");
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(tensors_go_from_one_precision_to_another, T, types) {
  for (const extent& e : extents)
    for (const bool accumulate : {false, true}) {
      random_stream random(4);
      const host_tensor x = random_activation<T>(random, e.s, e.margin);
      const two_pendings p(random, e.s.channels, 0.0f, 1.0f);
      thread_pool pool(1);
      host_tensor expected(e.s, e.margin), twice(e.s, e.margin);
      cpu::apply(pool, {}, x.read(p.host()), expected.write());
      cpu::add(pool, expected.read(), expected.read(), twice.write());
      const output<float> wide(e.s, e.margin);
      cuda::copy<T, float>(nullptr, device_activation<T>(x).read(p.device()), wide.device.write(), false);
      wide.check(expected, 1e-5, name(e));
      const output<T> back(e.s, e.margin);
      cuda::copy<float, T>(nullptr, wide.device.read(), back.device.write(), false);
      if (accumulate) cuda::copy<float, T>(nullptr, wide.device.read(), back.device.write(), true);
      back.check(accumulate ? twice : expected, 2 * one_rounding<T>, name(e) + ", back");
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(padding_is_below_and_to_the_right, T, types) {
  for (const extent& e : extents) {
    random_stream random(2);
    const host_tensor x = random_activation<T>(random, e.s, e.margin);
    const two_pendings p(random, e.s.channels, 0.5f, 2.0f);
    const device_activation<T> device(x);
    const shape larger{e.s.batch, e.s.height + 2, e.s.width + 1, e.s.channels};
    host_tensor expected = output<T>::filled(larger, e.margin, 0.0f);
    x.each([&](int n, int row, int column, int c) {
      expected.at(n, row, column, c) = static_cast<float>(transformed(p.host(), x.at(n, row, column, c), c));
    });
    const output<T> y(larger, e.margin);
    cuda::pad<T>(nullptr, device.read(p.device()), y.device.write());
    y.check(expected, one_rounding<T>, name(e));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(dropout_keeps_what_the_cpu_keeps, T, types) {
  const std::uint64_t seed = 0x123456789abcdefull, step = 77, layer = 12;
  const float keep = 0.6f;
  for (const extent& e : extents)
    for (const bool accumulate : {false, true}) {
      random_stream random(3);
      const host_tensor x = random_activation<T>(random, e.s, e.margin);
      const device_activation<T> device(x);
      const output<T> y(e.s, e.margin, 0.5f);
      host_tensor expected(e.s, e.margin);
      for (int chunk = 0; chunk < e.s.batch * e.s.height; ++chunk) {
        random_stream stream(seed, step * 4096 + layer, 0x80000000u + static_cast<std::uint32_t>(chunk));
        for (int column = 0; column < e.s.width; ++column)
          for (int c = 0; c < e.s.channels; ++c) {
            const int n = chunk / e.s.height, row = chunk % e.s.height;
            const bool kept = static_cast<double>(stream.bits()) < static_cast<double>(keep) * 0x1p32;
            const float value = kept ? x.at(n, row, column, c) * (1.0f / keep) : 0.0f;
            expected.at(n, row, column, c) = accumulate ? 0.5f + value : value;
          }
      }
      const cuda::device_array<std::uint64_t> steps(1);
      cuda::check(cudaMemcpy(steps.data(), &step, sizeof step, cudaMemcpyHostToDevice), "cudaMemcpy");
      cuda::dropout<T>(nullptr, device.read(), y.device.write(), accumulate, {seed, steps.data(), layer, keep});
      y.check(expected, one_rounding<T>, name(e));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(dropout_of_images_keeps_whole_ones_ever_fewer, T, types) {
  const std::uint64_t seed = 9, layer = 3;
  const dropout_options options{.keep_probability = 0.5f, .whole_images = true, .steps_to_it = 10};
  const extent e{{64, 2, 3, 5}, 1};
  const cuda::device_array<std::uint64_t> steps(1);
  for (const std::uint64_t step : {0, 5, 10, 1000}) {
    random_stream random(3);
    const host_tensor x = random_activation<T>(random, e.s, e.margin);
    const device_activation<T> device(x);
    const output<T> y(e.s, e.margin, 0.0f);
    host_tensor expected(e.s, e.margin);
    const float keep = step == 0 ? 1.0f : step == 5 ? 0.75f : 0.5f;
    int kept = 0;
    for (int n = 0; n < e.s.batch; ++n) {
      random_stream stream(seed, step * 4096 + layer, 0x80000000u + static_cast<std::uint32_t>(n));
      const bool whole = static_cast<double>(stream.bits()) < static_cast<double>(keep) * 0x1p32;
      kept += whole ? 1 : 0;
      for (int row = 0; row < e.s.height; ++row)
        for (int column = 0; column < e.s.width; ++column)
          for (int c = 0; c < e.s.channels; ++c)
            expected.at(n, row, column, c) = whole ? x.at(n, row, column, c) * (1.0f / keep) : 0.0f;
    }
    BOOST_TEST(std::abs(static_cast<float>(kept) / 64 - keep) < 0.2f);
    cuda::check(cudaMemcpy(steps.data(), &step, sizeof step, cudaMemcpyHostToDevice), "cudaMemcpy");
    cuda::dropout<T>(nullptr, device.read(), y.device.write(), false, {seed, steps.data(), layer, options});
    y.check(expected, one_rounding<T>, str("step ", step));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(images_are_converted, T, types) {
  for (const int count : {1, 7, 64, 1001, 8000}) {
    random_stream random(4);
    const floats values = normals(random, count);
    const on_device<float> from(values);
    const on_device<T> to(floats(values.size(), 0.0f));
    cuda::convert<T>(nullptr, from.data(), to.data(), count);
    check_all(to.host(), values, one_rounding<T>, str(count, " numbers"));
  }
}

BOOST_AUTO_TEST_CASE(statistics_become_tables_and_move_averages) {
  for (const int parts : {1, 5, 264, 1056})
    for (const int channels : {3, 96}) {
      random_stream random(5);
      const auto stride = static_cast<std::size_t>(channels) + 2;
      floats rows(stride * 3 * static_cast<std::size_t>(parts), 0.0f);
      floats mean = normals(random, channels), variance = mean, gamma = normals(random, channels),
             beta = normals(random, channels);
      const floats moving_mean = normals(random, channels), moving_variance(mean.size(), 1.5f);
      double pixels = 0;
      for (int c = 0; c < channels; ++c) {
        const auto i = static_cast<std::size_t>(c);
        double count = 0, sum = 0, square = 0;
        for (int p = 0; p < parts; ++p) {
          float* const at = rows.data() + 3 * static_cast<std::size_t>(p) * stride + i;
          at[0] = static_cast<float>(p % 7 + (p == 0));
          at[stride] = at[0] > 0 ? 5 + random.normal() : 0;
          at[2 * stride] = at[0] > 0 ? at[0] * random.uniform() : 0;
          count += at[0], sum += at[0] * static_cast<double>(at[stride]);
        }
        mean[i] = static_cast<float>(sum / count);
        for (int p = 0; p < parts; ++p) {
          const float* const at = rows.data() + 3 * static_cast<std::size_t>(p) * stride + i;
          square += at[2 * stride] + at[0] * std::pow(at[stride] - sum / count, 2);
        }
        variance[i] = static_cast<float>(square / count);
        pixels = count;
      }
      const on_device<float> table(rows), gammas(gamma), betas(beta), means(moving_mean), variances(moving_variance),
          tables(floats(4 * mean.size(), 0.0f));
      const std::ptrdiff_t step = channels;
      const cuda::norm_tables to{tables.data(), tables.data() + step, tables.data() + 2 * step,
                                 tables.data() + 3 * step};
      const batch_norm_options options{.decay = 0.9f, .epsilon = 0.01f};
      for (const bool batch : {false, true}) {
        cuda::normalize(nullptr, {{table.data(), static_cast<std::int64_t>(stride)}, parts}, channels, options, batch,
                        {gammas.data(), betas.data(), means.data(), variances.data()}, to);
        std::vector<double> expected(4 * mean.size()), moved_mean, moved_variance;
        for (std::size_t i = 0; i < mean.size(); ++i) {
          const double m = batch ? mean[i] : moving_mean[i], v = batch ? variance[i] : moving_variance[i];
          const double inv_std = 1 / std::sqrt(v + 0.01);
          expected[i] = m, expected[i + mean.size()] = inv_std, expected[i + 2 * mean.size()] = gamma[i] * inv_std;
          expected[i + 3 * mean.size()] = beta[i] - m * gamma[i] * inv_std;
          const double rate = batch ? 0.1 : 0, bessel = pixels / std::max(pixels - 1, 1.0);
          moved_mean.push_back(moving_mean[i] - rate * (moving_mean[i] - m));
          moved_variance.push_back(moving_variance[i] - rate * (moving_variance[i] - v * bessel));
        }
        const std::string what = str(parts, " parts, ", channels, " channels, batch statistics: ", batch);
        check_all(tables.host(), expected, 1e-5, what);
        check_all(means.host(), moved_mean, 1e-5, what + ", moving mean");
        check_all(variances.host(), moved_variance, 1e-5, what + ", moving variance");
      }
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(statistics_of_any_tensor_become_tables, T, types) {
  for (const extent& e : extents) {
    random_stream random(9);
    const auto channels = static_cast<std::size_t>(e.s.channels);
    const host_tensor x = random_activation<T>(random, e.s, e.margin);
    const two_pendings p(normals(random, e.s.channels), floats(channels, 20.0f), -1e9f, 20.5f);
    host_tensor seen(e.s, e.margin);
    x.each([&](int n, int r, int q, int c) {
      seen.at(n, r, q, c) = static_cast<float>(transformed(p.host(), x.at(n, r, q, c), c));
    });
    const device_activation<T> device(x);
    const device_parts partial(e.s.channels, 3);
    const on_device<float> moving(floats(2 * channels, 0.0f)), tables(floats(4 * channels, 0.0f));
    const std::ptrdiff_t step = e.s.channels;
    const int parts = cuda::compute_moments<T>(nullptr, device.read(p.device()), partial.at());
    BOOST_TEST(parts <= cuda::most_parts);
    cuda::normalize(nullptr, {partial.at(), parts}, e.s.channels, {.epsilon = 0.01f}, true,
                    {nullptr, nullptr, moving.data(), moving.data() + step},
                    {tables.data(), tables.data() + step, tables.data() + 2 * step, tables.data() + 3 * step});
    const auto [mean, variance] = moments_of(seen);
    std::vector<double> inv_std;
    for (const double v : variance) inv_std.push_back(1 / std::sqrt(v + 0.01));
    const floats actual = tables.host();
    const auto begin = actual.begin();
    check_all(floats(begin, begin + step), mean, 1e-6, name(e) + ", mean");
    check_all(floats(begin + step, begin + 2 * step), inv_std, 1e-5, name(e) + ", inv_std");
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(batch_norm_gradients_agree_with_the_cpu, T, types) {
  for (const extent& e : extents)
    for (const int mode : {0, 1, 2}) {  // batch statistics; frozen; frozen, and no gradients of variables
      random_stream random(6);
      const int channels = e.s.channels;
      const host_tensor z = random_activation<T>(random, e.s, e.margin);
      host_tensor dy = random_activation<T>(random, e.s, e.margin);
      const device_activation<T> device_z(z), device_dy(dy);
      const two_pendings p(random, channels, 0.0f, 1.5f);
      const floats mean = normals(random, channels);
      floats inv_std = normals(random, channels), dgamma(mean.size(), 7.0f), dbeta = dgamma;
      for (float& v : inv_std) v = 0.5f + std::abs(v);
      const on_device<float> device_mean(mean), device_inv_std(inv_std), device_dgamma(dgamma), device_dbeta(dbeta),
          offset_slope(floats(2 * mean.size(), 0.0f));
      thread_pool pool(1);
      const scratch_memory scratch(cpu::batch_norm_scratch(e.s, 1));
      const bool frozen = mode > 0, wanted = mode < 2;
      cpu::batch_norm_backward(pool, z.read(p.host()), mean.data(), inv_std.data(), dy.write(),
                               wanted ? dgamma.data() : nullptr, wanted ? dbeta.data() : nullptr, frozen, scratch.data);
      const device_parts partial(channels, 2);
      cuda::batch_norm_backward<T>(nullptr, device_z.read(p.device()), device_mean.data(), device_inv_std.data(),
                                   device_dy.write(), wanted ? device_dgamma.data() : nullptr,
                                   wanted ? device_dbeta.data() : nullptr, frozen, partial.at(), 0,
                                   offset_slope.data());
      const std::string what = str(name(e), ", mode ", mode);
      check_tensor(device_dy, dy, one_rounding<T>, what);
      check_all(device_dgamma.host(), dgamma, 1e-5, what + ", dgamma");
      check_all(device_dbeta.host(), dbeta, 1e-5, what + ", dbeta");
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(pools_agree_with_the_cpu, T, types) {
  for (const bool max : {true, false})
    for (const char* padding : {"SAME", "VALID"})
      for (const int kernel : {1, 2, 3, 5})
        for (const int stride : {1, 2})
          for (const auto& [channels, margin] : {std::pair{3, 0}, {24, 8}, {96, 0}, {32, 1}}) {
            random_stream random(8);
            const same_window w(padding, 9, 8, kernel, kernel, stride);
            host_tensor x = random_activation<T>(random, {2, 9, 8, channels}, margin);
            x.each([&](int n, int r, int q, int c) { x.at(n, r, q, c) = std::round(x.at(n, r, q, c) * 2); });  // ties
            const host_tensor dy = random_activation<T>(random, {2, w.height, w.width, channels}, margin);
            const two_pendings p(floats(static_cast<std::size_t>(channels), -0.5f),
                                 floats(static_cast<std::size_t>(channels), 0.25f), -0.5f, 1.0f);
            const device_activation<T> device_x(x), device_dy(dy);
            thread_pool pool(1);
            for (const bool accumulate : {false, true}) {
              const float before = accumulate ? 0.75f : 0.0f;
              host_tensor y(dy.extents, margin), dx = output<T>::filled(x.extents, margin, before);
              const output<T> device_y(dy.extents, margin), device_dx(x.extents, margin, before);
              const cuda::device_array<std::uint8_t> taps(static_cast<std::size_t>(dy.extents.elements()));
              const cuda::window window = window_of(w.window);
              const cuda::reading<T> from = device_x.read(p.device());
              if (max) {
                cpu::max_pool_forward(pool, w.window, x.read(p.host()), y.write());
                cpu::max_pool_backward(pool, w.window, x.read(p.host()), dy.read(), dx.write(), accumulate);
                cuda::max_pool_forward<T>(nullptr, window, from, device_y.device.write());
                cuda::max_pool_backward<T>(nullptr, window, from, device_dy.write(), device_dx.device.write(),
                                           accumulate, taps.data());
              } else {
                cpu::avg_pool_forward(pool, w.window, x.read(p.host()), y.write());
                cpu::avg_pool_backward(pool, w.window, dy.read(), dx.write(), accumulate);
                cuda::avg_pool_forward<T>(nullptr, window, from, device_y.device.write());
                cuda::avg_pool_backward<T>(nullptr, window, device_dy.write(), device_dx.device.write(), accumulate);
              }
              const std::string what = str(max ? "max" : "average", ", ", padding, ", kernel ", kernel, ", stride ",
                                           stride, ", ", channels, " channels, accumulates: ", accumulate);
              device_y.check(y, one_rounding<T>, what + ", y");
              device_dx.check(dx, one_rounding<T>, what + ", dx");
            }
          }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace odt::test
