// SPDX-License-Identifier: MIT
#include <odt/core/error.hpp>
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/pixel_loops.cuh>
#include <odt/exec/cuda/passes/apply.hpp>
#include <odt/exec/cuda/passes/arithmetic.hpp>

#include <utility>

namespace odt::cuda {

namespace {

template <class T>
struct forward_pass {
  pixel_array<const T> x;
  pixel_array<T> y;
  pending transform;
  elementwise f;
  int channels;
  unsigned pixels;
};

template <int Width, activation Kind, class T>
__global__ void __launch_bounds__(block_threads) apply_function(const __grid_constant__ forward_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.channels) return;
  const affine<Width> transform(pass.transform, c);
  elementwise f = pass.f;
  f.kind = Kind;
  each_vector<Width>(share_of_grid(pass.pixels), pass.x, c, [&](unsigned pixel, floats<Width>& x) {
#pragma unroll
    for (int i = 0; i < Width; ++i) x[i] = f.value(transform(x[i], i));
    store<Width>(pass.y.at(pixel) + c, x);
  });
}

template <class T>
struct backward_pass {
  pixel_array<const T> x, dy;
  pixel_array<T> dx;
  pending transform;
  elementwise f;
  bool accumulate;
  int channels;
  unsigned pixels;
};

template <int Width, activation Kind, class T>
__global__ void __launch_bounds__(block_threads, 2) apply_derivative(const __grid_constant__ backward_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.channels) return;
  const affine<Width> transform(pass.transform, c);
  elementwise f = pass.f;
  f.kind = Kind;
  each_pair<Width, pair_unroll<T>>(share_of_grid(pass.pixels), pass.x, pass.dy, c,
                                   [&](unsigned pixel, const floats<Width>& x, const floats<Width>& dy) {
                                     T* const to = pass.dx.at(pixel) + c;
                                     floats<Width> dx = load_if<Width>(pass.accumulate, to);
#pragma unroll
                                     for (int i = 0; i < Width; ++i)
                                       dx[i] = fmaf(f.derivative(transform(x[i], i)), dy[i], dx[i]);
                                     store<Width>(to, dx);
                                   });
}

/// body(integral constant: the kind).
template <class Body>
void with_kind(activation kind, const Body& body) {
  const auto among = [&]<activation... Kinds>(std::integer_sequence<activation, Kinds...>) {
    const bool known = ((kind == Kinds && (body(std::integral_constant<activation, Kinds>{}), true)) || ...);
    if (!known) fail("activation ", name_of(kind), " is not in the GPU's list");
  };
  using enum activation;
  among(std::integer_sequence<activation, none, relu, relu_6, leaky_relu, silu, hard_sigmoid, hard_swish, sigmoid, scaled>{});
}

}  // namespace

template <class T>
void apply(cudaStream_t stream, const elementwise& f, const reading<T>& x, const tensor<T>& y) {
  const forward_pass<T> pass{pixel_array<const T>(x.x), pixel_array<T>(y), x.transform, f, y.channels,
                             checked_count(y.pixels())};
  if (pass.pixels == 0) return;
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = shape_over(y.channels, width, pass.pixels, pass_blocks());
        with_kind(f.kind, [&](auto kind) {
          apply_function<width, kind><<<shape.blocks, shape.threads, 0, stream>>>(pass);
          check_launch("apply");
        });
      },
      x.x, y);
}

template <class T>
void apply_backward(cudaStream_t stream, const elementwise& f, const reading<T>& x, const tensor<const T>& dy,
                    const tensor<T>& dx, bool accumulate) {
  if (f.identity() && accumulate) return add(stream, reading<T>{dx}, reading<T>{dy}, dx);
  if (f.identity()) return apply(stream, f, reading<T>{dy}, dx);
  const backward_pass<T> pass{
      pixel_array<const T>(x.x), pixel_array<const T>(dy), pixel_array<T>(dx), x.transform, f, accumulate, dx.channels,
      checked_count(dx.pixels())};
  if (pass.pixels == 0) return;
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = shape_over(dx.channels, width, pass.pixels, pass_blocks());
        with_kind(f.kind, [&](auto kind) {
          apply_derivative<width, kind><<<shape.blocks, shape.threads, 0, stream>>>(pass);
          check_launch("apply_backward");
        });
      },
      x.x, dy, dx);
}

#define ODT_INSTANTIATE(T)                                                                                  \
  template void apply(cudaStream_t, const elementwise&, const reading<T>&, const tensor<T>&);               \
  template void apply_backward(cudaStream_t, const elementwise&, const reading<T>&, const tensor<const T>&, \
                               const tensor<T>&, bool);
ODT_INSTANTIATE(float)
ODT_INSTANTIATE(bf16)
#undef ODT_INSTANTIATE

}  // namespace odt::cuda
