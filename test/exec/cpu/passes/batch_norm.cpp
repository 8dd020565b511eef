// SPDX-License-Identifier: MIT
#include <odt/exec/cpu/passes/batch_norm.hpp>

#include "exec/cpu/kernels.hpp"

using namespace odt;
using namespace odt::test;

namespace {

/// Batch norm with a clamp, its gradients by the definition in double, and the kernels' inputs.
struct norm_problem {
  host_tensor z, dy;
  std::vector<float> gamma, beta, mean, variance, inv_std, scale, shift;
  pending transform;

  norm_problem(const shape& s, int margin) : z(s, margin), dy(s, margin) {
    random_stream random(9);
    z.fill(random);
    dy.fill(random);
    const auto channels = static_cast<std::size_t>(s.channels);
    z.each([&](int n, int r, int x, int c) { z.at(n, r, x, c) += static_cast<float>(c % 5) * 3; });
    mean.resize(channels), variance.resize(channels);
    thread_pool pool(1);
    const scratch_memory scratch(cpu::batch_norm_scratch(s, 1));
    cpu::compute_statistics(pool, z.read(), {mean.data(), variance.data()}, scratch.data);
    for (std::size_t c = 0; c < channels; ++c) {
      gamma.push_back(1 + 0.3f * random.normal());
      beta.push_back(random.normal());
      inv_std.push_back(1 / std::sqrt(variance[c] + 1e-3f));
      scale.push_back(gamma[c] * inv_std[c]);
      shift.push_back(beta[c] - mean[c] * scale[c]);
    }
    transform = {scale.data(), shift.data(), 0.0f, 1.5f};
  }

  struct results {
    std::vector<float> dz, dgamma, dbeta;
    bool operator==(const results&) const = default;
  };

  results run(int threads, bool frozen) const {
    thread_pool pool(threads);
    const scratch_memory scratch(cpu::batch_norm_scratch(z.extents, threads));
    host_tensor gradient = dy;
    results r{{}, std::vector<float>(gamma.size()), std::vector<float>(gamma.size())};
    cpu::batch_norm_backward(pool, z.read(transform), mean.data(), inv_std.data(), gradient.write(), r.dgamma.data(),
                             r.dbeta.data(), frozen, scratch.data);
    BOOST_TEST(gradient.margins_untouched());
    r.dz = gradient.dense();
    return r;
  }

  void check(bool frozen) const {
    const std::size_t channels = gamma.size();
    std::vector<double> dgamma(channels, 0.0), dbeta(channels, 0.0), dz;
    const double count = static_cast<double>(z.extents.pixels());
    const auto gradient = [&](int n, int r, int x, int c) {
      const auto i = static_cast<std::size_t>(c);
      const float y = std::fma(z.at(n, r, x, c), scale[i], shift[i]);
      return y > transform.low && y < transform.high ? static_cast<double>(dy.at(n, r, x, c)) : 0.0;
    };
    const auto normal = [&](int n, int r, int x, int c) {
      const auto i = static_cast<std::size_t>(c);
      return (static_cast<double>(z.at(n, r, x, c)) - mean[i]) * inv_std[i];
    };
    z.each([&](int n, int r, int x, int c) {
      dbeta[static_cast<std::size_t>(c)] += gradient(n, r, x, c);
      dgamma[static_cast<std::size_t>(c)] += gradient(n, r, x, c) * normal(n, r, x, c);
    });
    z.each([&](int n, int r, int x, int c) {
      const auto i = static_cast<std::size_t>(c);
      const double less = frozen ? 0.0 : (dbeta[i] + normal(n, r, x, c) * dgamma[i]) / count;
      dz.push_back(scale[i] * (gradient(n, r, x, c) - less));
    });
    const results r = run(1, frozen);
    check_near(r.dz, dz, 1e-5, "dz");
    check_near(r.dgamma, dgamma, 1e-5, "dgamma");
    check_near(r.dbeta, dbeta, 1e-5, "dbeta");
    for (const int threads : {2, 3}) BOOST_TEST((run(threads, frozen) == r));
  }
};

const shape shapes[] = {{2, 5, 7, 3}, {1, 1, 1, 40}, {3, 40, 30, 17}, {2, 9, 9, 130}, {4, 1, 2, 64}, {1, 50, 50, 1}};

}  // namespace

BOOST_AUTO_TEST_SUITE(batch_norm_tests)

BOOST_AUTO_TEST_CASE(statistics_are_the_batchs) {
  for (const shape& s : shapes) {
    const norm_problem p(s, 1);
    const auto [mean, variance] = moments_of(p.z);
    check_near(p.mean, mean, 1e-6, "mean");
    check_near(p.variance, variance, 1e-5, "variance");
  }
}

BOOST_AUTO_TEST_CASE(gradients_agree_with_the_definition_for_any_threads) {
  for (const shape& s : shapes)
    for (const bool frozen : {false, true}) {
      norm_problem(s, 0).check(frozen);
      norm_problem(s, 3).check(frozen);
    }
}

BOOST_AUTO_TEST_CASE(passes_over_tensors_apply_the_transform) {
  for (const shape& s : shapes) {
    const norm_problem p(s, 2);
    thread_pool pool(2);
    host_tensor y(s, 1), gradient = p.dy;
    std::vector<double> expected, twice, dz;
    p.z.each([&](int n, int r, int x, int c) {
      expected.push_back(transformed(p.transform, p.z.at(n, r, x, c), c));
      const double raw = transformed({p.scale.data(), p.shift.data()}, p.z.at(n, r, x, c), c);
      dz.push_back(raw > 0 && raw < 1.5 ? p.scale[static_cast<std::size_t>(c)] * p.dy.at(n, r, x, c) : 0.0);
    });
    cpu::apply(pool, {}, p.z.read(p.transform), y.write());
    // a product of 400 loses 2e-5 where multiply_add rounds twice
    check_near(y.dense(), expected, 4e-5, "apply");
    cpu::activation_backward(pool, p.z.read(p.transform), gradient.write());
    check_near(gradient.dense(), dz, 1e-5, "activation_backward");
    BOOST_TEST(y.margins_untouched());
    BOOST_TEST(gradient.margins_untouched());
  }
}

BOOST_AUTO_TEST_CASE(a_nan_stays_one) {
  const float values[] = {std::nanf(""), 1.0f};
  float y[2];
  thread_pool pool(1);
  cpu::apply(pool, {}, cpu::dense(values, {1, 1, 1, 2}, {nullptr, nullptr, 0.0f, 6.0f}), cpu::dense(y, {1, 1, 1, 2}));
  BOOST_TEST(std::isnan(y[0]));
  BOOST_TEST(y[1] == 1.0f);
}

BOOST_AUTO_TEST_CASE(batch_norm_is_tensorflows, *needs(golden() / "units/nn/batch_norm")) {
  for (const golden_case& c : golden_cases("nn/batch_norm")) {
    const array x = c.in("x"), dy = c.in("dy");
    const auto at = [](const array& a, std::size_t i) { return static_cast<int>(a.shape[i]); };
    const shape s{at(x, 0), at(x, 1), at(x, 2), at(x, 3)};
    const auto channels = static_cast<std::size_t>(s.channels);
    const auto xs = x.as<float>();
    auto gradient = dy.as<float>();
    const bool training = c.params().at("is_training").get<bool>();
    const float epsilon = c.params().at("epsilon").get<float>();
    auto mean = c.in("moving_mean").as<float>(), variance = c.in("moving_variance").as<float>();
    thread_pool pool(2);
    const scratch_memory scratch(cpu::batch_norm_scratch(s, pool.size()));
    if (training) cpu::compute_statistics(pool, cpu::dense(xs.data(), s), {mean.data(), variance.data()}, scratch.data);
    const auto gamma = c.has_in("gamma") ? c.in("gamma").as<float>() : std::vector<float>(channels, 1.0f);
    const auto beta = c.has_in("beta") ? c.in("beta").as<float>() : std::vector<float>(channels, 0.0f);
    std::vector<float> inv_std(channels), scale(channels), shift(channels), y(xs.size()), dgamma(channels),
        dbeta(channels);
    for (std::size_t i = 0; i < channels; ++i) {
      inv_std[i] = 1 / std::sqrt(variance[i] + epsilon);
      scale[i] = gamma[i] * inv_std[i];
      shift[i] = beta[i] - mean[i] * scale[i];
    }
    const pending transform{scale.data(), shift.data()};
    cpu::apply(pool, {}, cpu::dense(xs.data(), s, transform), cpu::dense(y.data(), s));
    cpu::batch_norm_backward(pool, cpu::dense(xs.data(), s, transform), mean.data(), inv_std.data(),
                             cpu::dense(gradient.data(), s), dgamma.data(), dbeta.data(), !training, scratch.data);
    check_close(y, c.out("y"), c, "y");
    check_close(gradient, c.out("dx"), c, "dx");
    if (c.has_out("dgamma")) check_close(dgamma, c.out("dgamma"), c, "dgamma");
    if (c.has_out("dbeta")) check_close(dbeta, c.out("dbeta"), c, "dbeta");
  }
}

BOOST_AUTO_TEST_CASE(relu_and_relu_6_are_tensorflows, *needs(golden() / "units/nn/activation")) {
  for (const golden_case& c : golden_cases("nn/activation")) {
    const std::string kind = c.params().at("activation").get<std::string>();
    if (kind != "RELU" && kind != "RELU_6") continue;
    const auto x = c.in("x").as<float>();
    auto gradient = c.in("dy").as<float>();
    const shape s{1, 1, 1, static_cast<int>(x.size())};
    std::vector<float> y(x.size());
    pending transform{nullptr, nullptr, 0.0f};
    if (kind == "RELU_6") transform.high = 6.0f;
    thread_pool pool(1);
    cpu::apply(pool, {}, cpu::dense(x.data(), s, transform), cpu::dense(y.data(), s));
    cpu::activation_backward(pool, cpu::dense(x.data(), s, transform), cpu::dense(gradient.data(), s));
    check_close(y, c.out("y"), c, "y");
    check_close(gradient, c.out("dx"), c, "dx");
  }
}

BOOST_AUTO_TEST_SUITE_END()
