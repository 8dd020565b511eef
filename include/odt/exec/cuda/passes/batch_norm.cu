// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/moments.cuh>
#include <odt/exec/cuda/machine/pixel_loops.cuh>
#include <odt/exec/cuda/passes/batch_norm.hpp>

#include <cmath>

namespace odt::cuda {

namespace {

struct normalization {
  norm_variables variables;
  norm_tables tables;
  float epsilon, decay;
};

/// Mean and variance to the tables of one channel.
__device__ void fill_tables(const normalization& n, int c, float mean, float variance) {
  const float inv_std = 1.0f / sqrtf(variance + n.epsilon);
  const float scale = (n.variables.gamma ? n.variables.gamma[c] : 1.0f) * inv_std;
  n.tables.mean[c] = mean;
  n.tables.inv_std[c] = inv_std;
  n.tables.scale[c] = scale;
  n.tables.shift[c] = (n.variables.beta ? n.variables.beta[c] : 0.0f) - mean * scale;
}

__device__ void move_averages(const normalization& n, int c, float mean, float variance, double count) {
  const auto bessel = static_cast<float>(count / fmax(count - 1, 1.0));
  const float rate = 1.0f - n.decay;
  float &moving_mean = n.variables.moving_mean[c], &moving_variance = n.variables.moving_variance[c];
  moving_mean -= (moving_mean - mean) * rate;
  moving_variance -= (moving_variance - variance * bessel) * rate;
}

/// Parts are summed up about part 0's mean.
__global__ void __launch_bounds__(join_width* join_width) normalize_batch(moments of, int channels, normalization n) {
  const int c = static_cast<int>(blockIdx.x * join_width + threadIdx.x);
  const bool active = c < channels;
  const std::int64_t stride = of.rows.stride;
  const float* const rows = of.rows.at + c;
  const double first = active ? rows[stride] : 0.0f;
  double sums[3];
  sum_parts(of.parts, active, sums, [&](int part, double(&s)[3]) {
    const float* const at = rows + 3 * part * stride;
    const double count = at[0], apart = at[stride] - first, weighted = count * apart;
    s[0] += count;
    s[1] += weighted;
    s[2] += at[2 * stride] + weighted * apart;
  });
  if (!active || threadIdx.y != 0) return;
  const double count = sums[0], shift = sums[1] / count;
  const auto mean = static_cast<float>(first + shift);
  const auto variance = static_cast<float>(fmax(sums[2] / count - shift * shift, 0.0));
  move_averages(n, c, mean, variance, count);
  fill_tables(n, c, mean, variance);
}

__global__ void __launch_bounds__(block_threads) normalize_moving(int channels, normalization n) {
  const int c = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (c < channels) fill_tables(n, c, n.variables.moving_mean[c], n.variables.moving_variance[c]);
}

template <class T>
struct moments_pass {
  pixel_array<const T> x;
  pending transform;
  partial_sums rows;
  int channels;
  unsigned pixels;
};

template <int Width, class T>
__global__ void __launch_bounds__(block_threads, 2) add_moments(const __grid_constant__ moments_pass<T> pass) {
  const int c = own_channel<Width>();
  const bool active = c < pass.channels;
  const affine<Width> transform(pass.transform, active ? c : 0);
  moment_adder<Width> adder;
  if (active)
    each_vector<Width>(share_of_grid(pass.pixels), pass.x, c, [&](unsigned, floats<Width>& x) {
#pragma unroll
      for (int i = 0; i < Width; ++i) x[i] = transform(x[i], i);
      adder.add(x);
    });
  leave_moments(adder, pass.rows, c, active);
}

/// A raw tensor, its transform, and the gradient at it.
template <class T>
struct gradient_pass {
  pixel_array<const T> z;
  pixel_array<T> dy;
  pending transform;
  const float* mean;
  int channels;
  unsigned pixels;
};

template <int Width, class T>
__global__ void __launch_bounds__(block_threads, 2) sum_gradients(gradient_pass<T> pass, partial_sums partial) {
  const int c = own_channel<Width>();
  const bool active = c < pass.channels;
  gradient_adder<Width> adder(pass.transform, pass.mean, active ? c : 0);
  if (active)
    each_item<pair_unroll<T>>(pass.pixels, [&](auto count, unsigned first, unsigned step) {
      floats<Width> z[count], dy[count];
#pragma unroll
      for (int u = 0; u < count; ++u) {
        z[u] = load<Width>(pass.z.at(first + u * step) + c);
        dy[u] = load<Width>(static_cast<const T*>(pass.dy.at(first + u * step)) + c);
      }
#pragma unroll
      for (int u = 0; u < count; ++u)
#pragma unroll
        for (int i = 0; i < Width; ++i) adder.add(dy[u][i], z[u][i], i);
    });
  leave_gradient_sums<Width>(adder.sums, partial, c, active);
}

struct gradient_join {
  partial_sums partial;
  int parts = 0;  ///< 0: the sums are not wanted
  int channels = 0;
  float pixels = 0;
  const float *scale = nullptr, *inv_std = nullptr;
  float *dgamma = nullptr, *dbeta = nullptr, *offset_slope = nullptr;
  bool frozen = false;
};

__global__ void __launch_bounds__(join_width* join_width) join_gradients(gradient_join j) {
  const int c = static_cast<int>(blockIdx.x * join_width + threadIdx.x);
  const bool active = c < j.channels;
  double sums[2];
  sum_parts(j.parts, active, sums, [&](int part, double(&s)[2]) {
    const float* const at = j.partial.at + 2 * part * j.partial.stride + c;
    s[0] += at[0];
    s[1] += at[j.partial.stride];
  });
  if (!active || threadIdx.y != 0) return;
  const auto beta = static_cast<float>(sums[0]);
  const float gamma = static_cast<float>(sums[1]) * j.inv_std[c];
  if (j.dbeta) j.dbeta[c] = beta;
  if (j.dgamma) j.dgamma[c] = gamma;
  const float scale = j.scale ? j.scale[c] : 1.0f;
  j.offset_slope[c] = j.frozen ? 0.0f : beta / j.pixels;
  j.offset_slope[j.channels + c] = j.frozen ? 0.0f : -scale * j.inv_std[c] * gamma / j.pixels;
}

/// dy = change(z, dy, i) for this thread's channels c + i.
template <int Width, class T, class Change>
__device__ void change_gradients(const gradient_pass<T>& pass, int c, const Change& change) {
  each_item<pair_unroll<T>>(pass.pixels, [&](auto count, unsigned first, unsigned step) {
    floats<Width> z[count], dy[count];
    T* at[count];
#pragma unroll
    for (int u = 0; u < count; ++u) {
      at[u] = pass.dy.at(first + u * step) + c;
      z[u] = load<Width>(pass.z.at(first + u * step) + c);
      dy[u] = load<Width>(static_cast<const T*>(at[u]));
    }
#pragma unroll
    for (int u = 0; u < count; ++u) {
#pragma unroll
      for (int i = 0; i < Width; ++i) dy[u][i] = change(z[u][i], dy[u][i], i);
      store<Width>(at[u], dy[u]);
    }
  });
}

/// dz = scale*(g - offset) + (z - mean)*slope, in place.
template <int Width, class T>
__global__ void __launch_bounds__(block_threads, 2)
    replace_gradients(gradient_pass<T> pass, const float* offset_slope) {
  const int c = own_channel<Width>();
  if (c >= pass.channels) return;
  const affine<Width> transform(pass.transform, c);
  floats<Width> mean, offset, slope;
#pragma unroll
  for (int i = 0; i < Width; ++i) {
    mean[i] = pass.mean[c + i];
    offset[i] = offset_slope[c + i];
    slope[i] = offset_slope[pass.channels + c + i];
  }
  change_gradients<Width>(pass, c, [&](float z, float dy, int i) {
    const float g = transform.open(z, i) ? dy : 0.0f;
    return fmaf(z - mean[i], slope[i], transform.scale[i] * (g - offset[i]));
  });
}

template <int Width, class T>
__global__ void __launch_bounds__(block_threads, 2) gate_gradients(gradient_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.channels) return;
  const affine<Width> transform(pass.transform, c);
  change_gradients<Width>(
      pass, c, [&](float z, float dy, int i) { return transform.scale[i] * (transform.open(z, i) ? dy : 0.0f); });
}

template <class T>
gradient_pass<T> pass_over(const reading<T>& z, const tensor<T>& dy, const float* mean) {
  return {pixel_array<const T>(z.x), pixel_array<T>(dy), z.transform, mean, dy.channels, checked_count(dy.pixels())};
}

}  // namespace

template <class T>
int compute_moments(cudaStream_t stream, const reading<T>& x, const partial_sums& rows) {
  const moments_pass<T> pass{pixel_array<const T>(x.x), x.transform, rows, x.x.channels, checked_count(x.x.pixels())};
  if (pass.pixels == 0) return 0;
  int parts = 0;
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = shape_over(pass.channels, width, pass.pixels);
        add_moments<width><<<shape.blocks, shape.threads, 0, stream>>>(pass);
        check_launch("compute_moments");
        parts = static_cast<int>(shape.blocks.x);
      },
      x.x);
  return parts;
}

void normalize(cudaStream_t stream, const moments& of, int channels, const batch_norm_options& options,
               bool batch_statistics, const norm_variables& variables, const norm_tables& tables) {
  const normalization n{variables, tables, options.epsilon, options.decay};
  if (batch_statistics) {
    normalize_batch<<<join_blocks(channels), join_threads(), 0, stream>>>(of, channels, n);
  } else {
    const int blocks = (channels + block_threads - 1) / block_threads;
    normalize_moving<<<blocks, block_threads, 0, stream>>>(channels, n);
  }
  check_launch("normalize");
}

template <class T>
void batch_norm_backward(cudaStream_t stream, const reading<T>& z, const float* mean, const float* inv_std,
                         const tensor<T>& dy, float* dgamma, float* dbeta, bool frozen, const partial_sums& partial,
                         int ready_parts, float* offset_slope) {
  const gradient_pass<T> pass = pass_over(z, dy, mean);
  if (pass.pixels == 0) return;
  const bool summed = !frozen || dgamma || dbeta;
  with_width<vector_channels>(
      [&](auto width) {
        int parts = ready_parts;
        if (summed && parts == 0) {
          const launch_shape shape = shape_over(dy.channels, width, pass.pixels);
          sum_gradients<width><<<shape.blocks, shape.threads, 0, stream>>>(pass, partial);
          check_launch("sum_gradients");
          parts = static_cast<int>(shape.blocks.x);
        }
        const gradient_join join{partial,
                                 summed ? parts : 0,
                                 dy.channels,
                                 static_cast<float>(pass.pixels),
                                 z.transform.scale,
                                 inv_std,
                                 dgamma,
                                 dbeta,
                                 offset_slope,
                                 frozen};
        join_gradients<<<join_blocks(dy.channels), join_threads(), 0, stream>>>(join);
        check_launch("join_gradients");
        const launch_shape shape = shape_over(dy.channels, width, pass.pixels);
        replace_gradients<width><<<shape.blocks, shape.threads, 0, stream>>>(pass, offset_slope);
        check_launch("replace_gradients");
      },
      z.x, dy);
}

template <class T>
void activation_backward(cudaStream_t stream, const reading<T>& z, const tensor<T>& dy) {
  const gradient_pass<T> pass = pass_over(z, dy, nullptr);
  if (pass.pixels == 0) return;
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = shape_over(dy.channels, width, pass.pixels, pass_blocks());
        gate_gradients<width><<<shape.blocks, shape.threads, 0, stream>>>(pass);
        check_launch("activation_backward");
      },
      z.x, dy);
}

#define ODT_INSTANTIATE(T)                                                                                         \
  template int compute_moments(cudaStream_t, const reading<T>&, const partial_sums&);                              \
  template void batch_norm_backward(cudaStream_t, const reading<T>&, const float*, const float*, const tensor<T>&, \
                                    float*, float*, bool, const partial_sums&, int, float*);                       \
  template void activation_backward(cudaStream_t, const reading<T>&, const tensor<T>&);
ODT_INSTANTIATE(float)
ODT_INSTANTIATE(bf16)
#undef ODT_INSTANTIATE

}  // namespace odt::cuda
