// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/machine/device.hpp>
#include <odt/exec/cuda/passes/group_norm.hpp>

#include "exec/cuda/passes.hpp"

namespace odt::test {
namespace {

/// What group norm and its gradients ought to be, in double.
struct group_reference {
  host_tensor y, dx;
  std::vector<double> mean, inv_std, dgamma, dbeta;

  group_reference(const cuda::group_norm_shape& g, const host_tensor& x, const pending& p, const floats& gamma,
                  const floats& beta, const host_tensor& dy, double before)
      : y(x.extents, x.margin), dx(x.extents, x.margin) {
    const shape& s = x.extents;
    const int size = s.channels / g.groups;
    const auto group = [&](int n, int c) { return static_cast<std::size_t>(n * g.groups + c / size); };
    const auto channel = [](const floats& of, int c, double none) {
      return of.empty() ? none : of[static_cast<std::size_t>(c)];
    };
    const double count = 1.0 * s.height * s.width * size;
    const std::vector<double> zeros(static_cast<std::size_t>(s.batch * g.groups), 0.0);
    std::vector<double> variance = zeros, sum = zeros, product = zeros;
    mean = zeros, inv_std = zeros;
    dgamma.assign(static_cast<std::size_t>(s.channels), 0.0);
    dbeta = dgamma;
    const auto t = [&](int n, int r, int q, int c) { return transformed(p, x.at(n, r, q, c), c); };
    const auto xhat = [&](int n, int r, int q, int c) {
      return (t(n, r, q, c) - mean[group(n, c)]) * inv_std[group(n, c)];
    };
    x.each([&](int n, int r, int q, int c) { mean[group(n, c)] += t(n, r, q, c) / count; });
    x.each([&](int n, int r, int q, int c) {
      variance[group(n, c)] += std::pow(t(n, r, q, c) - mean[group(n, c)], 2) / count;
    });
    for (std::size_t i = 0; i < zeros.size(); ++i) inv_std[i] = 1 / std::sqrt(variance[i] + g.epsilon);
    x.each([&](int n, int r, int q, int c) {
      const double hat = xhat(n, r, q, c), gradient = dy.at(n, r, q, c), through = gradient * channel(gamma, c, 1);
      y.at(n, r, q, c) = static_cast<float>(hat * channel(gamma, c, 1) + channel(beta, c, 0));
      dgamma[static_cast<std::size_t>(c)] += gradient * hat;
      dbeta[static_cast<std::size_t>(c)] += gradient;
      sum[group(n, c)] += through / count;
      product[group(n, c)] += through * hat / count;
    });
    x.each([&](int n, int r, int q, int c) {
      const std::size_t i = group(n, c);
      const double inner = dy.at(n, r, q, c) * channel(gamma, c, 1) - sum[i] - xhat(n, r, q, c) * product[i];
      dx.at(n, r, q, c) = static_cast<float>(before + inv_std[i] * inner);
    });
  }
};

/// 1, the channels, and what lies between.
std::vector<int> group_numbers(int channels) {
  std::vector<int> result{1, channels};
  for (const int groups : {3, 4, 8})
    if (channels % groups == 0 && groups < channels) result.push_back(groups);
  return result;
}

on_device<float> scratch_for(const shape& s) {
  const std::int64_t count = cuda::group_norm_scratch(s.batch, s.channels, cuda::multiprocessors());
  return on_device<float>(floats(static_cast<std::size_t>(count), std::nanf("")));
}

/// Forward, then backward, against the reference.
template <class T>
void check_group_norm(const extent& e, const cuda::group_norm_shape& g, bool variables, bool accumulate) {
  random_stream random(1);
  const int channels = e.s.channels;
  const host_tensor x = random_activation<T>(random, e.s, e.margin), dy = random_activation<T>(random, e.s, e.margin);
  const two_pendings p(random, channels, -1.0f, 1.5f);
  const floats gamma = normals(random, channels), beta = normals(random, channels), zeros(gamma.size(), 0.0f);
  const on_device<float> device_gamma(gamma), device_beta(beta), dgamma(zeros), dbeta(zeros);
  const on_device<float> mean(floats(static_cast<std::size_t>(e.s.batch * g.groups), 0.0f)),
      inv_std(floats(static_cast<std::size_t>(e.s.batch * g.groups), 0.0f));
  const group_reference expected(g, x, p.host(), variables ? gamma : floats{}, variables ? beta : floats{}, dy,
                                 accumulate ? 0.75 : 0.0);
  const device_activation<T> device_x(x), device_dy(dy);
  const on_device<float> scratch = scratch_for(e.s);
  const output<T> y(e.s, e.margin), dx(e.s, e.margin, 0.75f);
  const float* const scale = variables ? device_gamma.data() : nullptr;
  const std::string what = str(name(e), ", ", g.groups, " groups, variables: ", variables);
  cuda::group_norm<T>(nullptr, g, device_x.read(p.device()), scale, variables ? device_beta.data() : nullptr,
                      y.device.write(), mean.data(), inv_std.data(), scratch.data());
  check_all(mean.host(), expected.mean, 1e-5, what + ", mean");
  check_all(inv_std.host(), expected.inv_std, 1e-5, what + ", inv_std");
  y.check(expected.y, one_rounding<T>, what + ", y");
  cuda::group_norm_backward<T>(nullptr, g, device_x.read(p.device()), mean.data(), inv_std.data(), scale,
                               device_dy.write(), dx.device.write(), accumulate, variables ? dgamma.data() : nullptr,
                               variables ? dbeta.data() : nullptr, scratch.data());
  dx.check(expected.dx, one_rounding<T>, what + ", dx");
  if (!variables) return;
  check_all(dgamma.host(), expected.dgamma, 1e-5, what + ", dgamma");
  check_all(dbeta.host(), expected.dbeta, 1e-5, what + ", dbeta");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cuda_group_norm, *needs_gpu())

BOOST_AUTO_TEST_CASE_TEMPLATE(agrees_with_the_reference, T, types) {
  for (const extent& e : extents)
    for (const int groups : group_numbers(e.s.channels)) {
      check_group_norm<T>(e, {groups, 0.01f}, true, false);
      check_group_norm<T>(e, {groups, 0.5f}, false, true);
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(variables_alone_leave_the_input_alone, T, types) {
  for (const extent& e : extents) {
    random_stream random(2);
    const cuda::group_norm_shape g{1, 0.1f};
    const host_tensor x = random_activation<T>(random, e.s, e.margin), dy = random_activation<T>(random, e.s, e.margin);
    const group_reference expected(g, x, {}, {}, {}, dy, 0);
    const on_device<float> mean(expected.mean), inv_std(expected.inv_std), scratch = scratch_for(e.s);
    const on_device<float> dgamma(floats(static_cast<std::size_t>(e.s.channels), 7.0f));
    const device_activation<T> device_x(x), device_dy(dy);
    cuda::group_norm_backward<T>(nullptr, g, device_x.read(), mean.data(), inv_std.data(), nullptr, device_dy.write(),
                                 {}, false, dgamma.data(), nullptr, scratch.data());
    check_all(dgamma.host(), expected.dgamma, 1e-5, name(e));
    check_tensor(device_dy, dy, 0, name(e));
  }
}

BOOST_AUTO_TEST_CASE(large_means_leave_the_variance) {
  const extent e{{2, 33, 31, 16}, 0};
  const cuda::group_norm_shape g{4, 1e-6f};
  random_stream random(3);
  host_tensor x(e.s, e.margin);
  x.each([&](int n, int r, int q, int c) { x.at(n, r, q, c) = 100.0f + std::round(8 * random.normal()) / 64; });
  const group_reference expected(g, x, {}, {}, {}, x, 0);
  const device_activation<float> device(x);
  const output<float> y(e.s, e.margin);
  const on_device<float> mean(floats(8, 0.0f)), inv_std(floats(8, 0.0f)), scratch = scratch_for(e.s);
  cuda::group_norm<float>(nullptr, g, device.read(), nullptr, nullptr, y.device.write(), mean.data(), inv_std.data(),
                          scratch.data());
  check_all(inv_std.host(), expected.inv_std, 1e-5, "inv_std");
  y.check(expected.y, 1e-5, "y");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace odt::test
