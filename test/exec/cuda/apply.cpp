// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/passes/apply.hpp>

#include "exec/cuda/passes.hpp"

namespace odt::test {
namespace {

const elementwise functions[] = {
    {},
    {.high = 0.75f},
    {activation::relu},
    {activation::relu_6, -1.0f, 4.0f},
    {activation::leaky_relu, -0.25f, 2.0f, 0.125f},
    {activation::silu},
    {activation::hard_sigmoid},
    {activation::hard_swish, -0.25f, 5.0f},
    {activation::sigmoid},
    {.kind = activation::scaled, .slope = 0.125f},
};

std::string name(const elementwise& f, const extent& e) { return str(name_of(f.kind), ", ", name(e)); }

}  // namespace

BOOST_AUTO_TEST_SUITE(cuda_apply, *needs_gpu())

BOOST_AUTO_TEST_CASE_TEMPLATE(functions_are_applied_to_what_readers_see, T, types) {
  for (const extent& e : extents)
    for (const elementwise& f : functions) {
      random_stream random(1);
      const host_tensor x = random_activation<T>(random, e.s, e.margin);
      const two_pendings p(normals(random, e.s.channels), floats(static_cast<std::size_t>(e.s.channels), 1.5f), 0.0f,
                           7.0f);
      const device_activation<T> device(x);
      for (const bool pends : {false, true}) {
        host_tensor expected(e.s, e.margin);
        x.each([&](int n, int r, int q, int c) {
          const double value = transformed(pends ? p.host() : pending{}, x.at(n, r, q, c), c);
          expected.at(n, r, q, c) = static_cast<float>(f.value(value));
        });
        const output<T> y(e.s, e.margin);
        cuda::apply<T>(nullptr, f, device.read(pends ? p.device() : cuda::pending{}), y.device.write());
        y.check(expected, one_rounding<T>, name(f, e));
      }
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(gradients_pass_through_functions, T, types) {
  for (const extent& e : extents)
    for (const elementwise& f : functions)
      for (const bool accumulate : {false, true}) {
        random_stream random(2);
        const host_tensor x = random_activation<T>(random, e.s, e.margin);
        const host_tensor dy = random_activation<T>(random, e.s, e.margin);
        const two_pendings p(normals(random, e.s.channels), floats(static_cast<std::size_t>(e.s.channels), 1.5f), 0.0f,
                             7.0f);
        const device_activation<T> device(x), gradient(dy);
        host_tensor expected(e.s, e.margin);
        x.each([&](int n, int r, int q, int c) {
          const double slope = f.derivative(transformed(p.host(), x.at(n, r, q, c), c));
          expected.at(n, r, q, c) = static_cast<float>((accumulate ? 0.5 : 0) + slope * dy.at(n, r, q, c));
        });
        const output<T> dx(e.s, e.margin, 0.5f);
        const cuda::reading<T> from = f.identity() ? cuda::reading<T>{} : device.read(p.device());
        cuda::apply_backward<T>(nullptr, f, from, gradient.write(), dx.device.write(), accumulate);
        dx.check(expected, one_rounding<T>, name(f, e));
        if (accumulate) continue;
        cuda::apply_backward<T>(nullptr, f, from, gradient.write(), gradient.write(), false);
        check_tensor(gradient, expected, one_rounding<T>, name(f, e) + ", in place");
      }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace odt::test
