// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/image_launch.cuh>
#include <odt/exec/cuda/machine/moments.cuh>
#include <odt/exec/cuda/machine/reduce.cuh>
#include <odt/exec/cuda/passes/group_norm.hpp>

namespace odt::cuda {

namespace {

inline constexpr int group_threads = 128;  ///< of a block that has a group of an image to itself

/// Statistics of all groups, and which one a channel belongs to.
struct group_table {
  const float *mean, *inv_std;
  int groups;
  fast_division size;  ///< channels of a group

  __device__ int of(int image, int channel) const { return image * groups + size.quotient(channel); }
};

/// Sums over a part of an image's pixels, as leave_moments and leave_gradient_sums write them: part image*parts + i.
struct image_parts {
  partial_sums rows;
  int parts, channels;
};

/// Calls body(where a channel of a part begins) for the group of this block, shared among its threads.
template <class Body>
__device__ void each_part(const image_parts& p, const group_table& table, int rows_a_part, const Body& body) {
  const int image = static_cast<int>(blockIdx.x) / table.groups, group = static_cast<int>(blockIdx.x) % table.groups;
  const int size = table.size.divisor();
  for (int i = static_cast<int>(threadIdx.x); i < p.parts * size; i += group_threads) {
    const int part = table.size.quotient(i), channel = group * size + table.size.remainder(i, part);
    body(p.rows.at + std::int64_t{1} * rows_a_part * (image * p.parts + part) * p.rows.stride + channel, channel);
  }
}

template <class T>
struct forward_pass {
  reading<T> x;
  tensor<T> y;
  const float *gamma, *beta;
  group_table table;
  image_parts moments;
  int parts;  ///< of `normalize_groups`
};

template <int Width, class T>
__global__ void __launch_bounds__(block_threads, 2) image_moments(const __grid_constant__ forward_pass<T> pass) {
  const int c = own_channel<Width>();
  const bool active = c < pass.y.channels;
  const affine<Width> transform(pass.x.transform, active ? c : 0);
  const image_share own(pass.y, pass.moments.parts);
  moment_adder<Width> adder;
  if (active)
    each_vector<Width>(own.pixels, image_pixels(pass.x.x, own.image), c, [&](unsigned, floats<Width>& x) {
#pragma unroll
      for (int i = 0; i < Width; ++i) x[i] = transform(x[i], i);
      adder.add(x);
    });
  leave_moments(adder, pass.moments.rows, c, active);
}

/// One block a group: its moments about the mean of its first part.
__global__ void __launch_bounds__(group_threads)
    join_moments(image_parts p, group_table table, float epsilon, float* mean, float* inv_std) {
  __shared__ double shared[33];
  const std::int64_t stride = p.rows.stride;
  const int image = static_cast<int>(blockIdx.x) / table.groups, group = static_cast<int>(blockIdx.x) % table.groups;
  const double about = p.rows.at[(std::int64_t{3} * image * p.parts + 1) * stride + group * table.size.divisor()];
  double count = 0, sum = 0, square = 0;
  each_part(p, table, 3, [&](const float* at, int) {
    const double n = at[0], apart = at[stride] - about, weighted = n * apart;
    count += n;
    sum += weighted;
    square += at[2 * stride] + weighted * apart;
  });
  count = block_sum(count, shared);
  const double shift = block_sum(sum, shared) / count;
  const double variance = fmax(block_sum(square, shared) / count - shift * shift, 0.0);
  if (threadIdx.x != 0) return;
  mean[blockIdx.x] = static_cast<float>(about + shift);
  inv_std[blockIdx.x] = 1.0f / sqrtf(static_cast<float>(variance) + epsilon);
}

template <int Width, class T>
__global__ void __launch_bounds__(block_threads, 2) normalize_groups(const __grid_constant__ forward_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.y.channels) return;
  const affine<Width> transform(pass.x.transform, c);
  const image_share own(pass.y, pass.parts);
  const image_pixels to(pass.y, own.image);
  floats<Width> mean, scale, beta;
#pragma unroll
  for (int i = 0; i < Width; ++i) {
    const int group = pass.table.of(own.image, c + i);
    mean[i] = pass.table.mean[group];
    scale[i] = pass.table.inv_std[group] * (pass.gamma ? pass.gamma[c + i] : 1.0f);
    beta[i] = pass.beta ? pass.beta[c + i] : 0.0f;
  }
  each_vector<Width>(own.pixels, image_pixels(pass.x.x, own.image), c, [&](unsigned pixel, floats<Width>& x) {
#pragma unroll
    for (int i = 0; i < Width; ++i) x[i] = fmaf(transform(x[i], i) - mean[i], scale[i], beta[i]);
    store<Width>(to.at(pixel) + c, x);
  });
}

template <class T>
struct backward_pass {
  reading<T> x;
  tensor<const T> dy;
  tensor<T> dx;
  bool accumulate;
  const float* gamma;
  group_table table;
  image_parts sums;
  float *offset, *slope;  ///< of each group
  int parts;              ///< of `change_gradients`
};

/// Per channel of a part of an image: sum(dy), sum(dy*(t - mean)).
template <int Width, class T>
__global__ void __launch_bounds__(block_threads, 2) sum_gradients(const __grid_constant__ backward_pass<T> pass) {
  const int c = own_channel<Width>();
  const bool active = c < pass.dy.channels;
  const affine<Width> transform(pass.x.transform, active ? c : 0);
  const image_share own(pass.dy, pass.sums.parts);
  floats<Width> mean;
#pragma unroll
  for (int i = 0; i < Width; ++i) mean[i] = pass.table.mean[pass.table.of(own.image, active ? c + i : 0)];
  floats<2 * Width> sums{};
  if (active)
    each_pair<Width, 2>(own.pixels, image_pixels(pass.x.x, own.image), image_pixels(pass.dy, own.image), c,
                        [&](unsigned, const floats<Width>& x, const floats<Width>& dy) {
#pragma unroll
                          for (int i = 0; i < Width; ++i) {
                            sums[i] += dy[i];
                            sums[Width + i] = fmaf(dy[i], transform(x[i], i) - mean[i], sums[Width + i]);
                          }
                        });
  leave_gradient_sums<Width>(sums, pass.sums.rows, c, active);
}

/// One block a group: offset = -E(gamma*dy), slope = -inv_std*E(gamma*dy*xhat).
template <class T>
__global__ void __launch_bounds__(group_threads) join_groups(const __grid_constant__ backward_pass<T> pass) {
  __shared__ double shared[33];
  double sum = 0, product = 0;
  each_part(pass.sums, pass.table, 2, [&](const float* at, int channel) {
    const double gamma = pass.gamma ? pass.gamma[channel] : 1.0f;
    sum += gamma * at[0];
    product += gamma * at[pass.sums.rows.stride];
  });
  sum = block_sum(sum, shared);
  product = block_sum(product, shared);
  if (threadIdx.x != 0) return;
  const double values = static_cast<double>(pass.dy.height) * pass.dy.width * pass.table.size.divisor();
  const double inv_std = pass.table.inv_std[blockIdx.x];
  pass.offset[blockIdx.x] = static_cast<float>(-sum / values);
  pass.slope[blockIdx.x] = static_cast<float>(-inv_std * inv_std * product / values);
}

/// dgamma and dbeta from all parts of all images.
__global__ void __launch_bounds__(join_width* join_width)
    join_variables(image_parts p, group_table table, int images, float* dgamma, float* dbeta) {
  const int c = static_cast<int>(blockIdx.x * join_width + threadIdx.x);
  const bool active = c < p.channels;
  double sums[2];
  sum_parts(images * p.parts, active, sums, [&](int part, double(&s)[2]) {
    const float* const at = p.rows.at + std::int64_t{2} * part * p.rows.stride + c;
    s[0] += at[0];
    s[1] += static_cast<double>(at[p.rows.stride]) * table.inv_std[table.of(part / p.parts, c)];
  });
  if (!active || threadIdx.y != 0) return;
  if (dbeta) dbeta[c] = static_cast<float>(sums[0]);
  if (dgamma) dgamma[c] = static_cast<float>(sums[1]);
}

/// dx (+)= inv_std*(gamma*dy + (t - mean)*slope + offset).
template <int Width, class T>
__global__ void __launch_bounds__(block_threads, 2) change_gradients(const __grid_constant__ backward_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.dy.channels) return;
  const affine<Width> transform(pass.x.transform, c);
  const image_share own(pass.dy, pass.parts);
  const image_pixels to(pass.dx, own.image);
  floats<Width> mean, inv_std, gamma, slope, offset;
#pragma unroll
  for (int i = 0; i < Width; ++i) {
    const int group = pass.table.of(own.image, c + i);
    mean[i] = pass.table.mean[group];
    inv_std[i] = pass.table.inv_std[group];
    gamma[i] = pass.gamma ? pass.gamma[c + i] : 1.0f;
    slope[i] = pass.slope[group];
    offset[i] = pass.offset[group];
  }
  each_pair<Width, 2>(
      own.pixels, image_pixels(pass.x.x, own.image), image_pixels(pass.dy, own.image), c,
      [&](unsigned pixel, const floats<Width>& x, const floats<Width>& dy) {
        T* const at = to.at(pixel) + c;
        floats<Width> dx = load_if<Width>(pass.accumulate, at);
#pragma unroll
        for (int i = 0; i < Width; ++i)
          dx[i] = fmaf(inv_std[i], dy[i] * gamma[i] + fmaf(transform(x[i], i) - mean[i], slope[i], offset[i]), dx[i]);
        store<Width>(at, dx);
      });
}

group_table table_of(const group_norm_shape& g, int channels, const float* mean, const float* inv_std) {
  return {mean, inv_std, g.groups, fast_division(channels / g.groups)};
}

}  // namespace

template <class T>
void group_norm(cudaStream_t stream, const group_norm_shape& g, const reading<T>& x, const float* gamma,
                const float* beta, const tensor<T>& y, float* mean, float* inv_std, float* scratch) {
  if (y.pixels() == 0) return;
  const group_table table = table_of(g, y.channels, mean, inv_std);
  const auto blocks = checked_count(std::int64_t{1} * y.batch * g.groups);
  with_width<vector_channels>(
      [&](auto width) {
        const image_launch moments(y, width, resident_blocks()), whole(y, width, pass_blocks());
        const forward_pass<T> pass{
            x, y, gamma, beta, table, {{scratch, y.channels}, moments.parts, y.channels}, whole.parts};
        image_moments<width><<<moments.shape.blocks, moments.shape.threads, 0, stream>>>(pass);
        check_launch("group_norm: image_moments");
        join_moments<<<blocks, group_threads, 0, stream>>>(pass.moments, table, g.epsilon, mean, inv_std);
        check_launch("group_norm: join_moments");
        normalize_groups<width><<<whole.shape.blocks, whole.shape.threads, 0, stream>>>(pass);
        check_launch("group_norm");
      },
      x.x, y);
}

template <class T>
void group_norm_backward(cudaStream_t stream, const group_norm_shape& g, const reading<T>& x, const float* mean,
                         const float* inv_std, const float* gamma, const tensor<const T>& dy, const tensor<T>& dx,
                         bool accumulate, float* dgamma, float* dbeta, float* scratch) {
  if (dy.pixels() == 0) return;
  const auto sum_and_join = [&](auto width) {
    const image_launch sums(dy, width, resident_blocks()), whole(dy, width, pass_blocks());
    const auto blocks = checked_count(std::int64_t{1} * dy.batch * g.groups);
    float* const offset = scratch + std::int64_t{2} * dy.batch * sums.parts * dy.channels;
    const backward_pass<T> pass{x,
                                dy,
                                dx,
                                accumulate,
                                gamma,
                                table_of(g, dy.channels, mean, inv_std),
                                {{scratch, dy.channels}, sums.parts, dy.channels},
                                offset,
                                offset + blocks,
                                whole.parts};
    sum_gradients<width><<<sums.shape.blocks, sums.shape.threads, 0, stream>>>(pass);
    check_launch("group_norm_backward: sum_gradients");
    if (dgamma || dbeta) {
      join_variables<<<join_blocks(dy.channels), join_threads(), 0, stream>>>(pass.sums, pass.table, dy.batch, dgamma,
                                                                              dbeta);
      check_launch("group_norm_backward: join_variables");
    }
    if (!dx.data) return;
    join_groups<<<blocks, group_threads, 0, stream>>>(pass);
    check_launch("group_norm_backward: join_groups");
    change_gradients<width><<<whole.shape.blocks, whole.shape.threads, 0, stream>>>(pass);
    check_launch("group_norm_backward");
  };
  if (dx.data)
    with_width<vector_channels>(sum_and_join, x.x, dy, dx);
  else
    with_width<vector_channels>(sum_and_join, x.x, dy);
}

#define ODT_INSTANTIATE(T)                                                                                       \
  template void group_norm(cudaStream_t, const group_norm_shape&, const reading<T>&, const float*, const float*, \
                           const tensor<T>&, float*, float*, float*);                                            \
  template void group_norm_backward(cudaStream_t, const group_norm_shape&, const reading<T>&, const float*,      \
                                    const float*, const float*, const tensor<const T>&, const tensor<T>&, bool,  \
                                    float*, float*, float*);
ODT_INSTANTIATE(float)
ODT_INSTANTIATE(bf16)
#undef ODT_INSTANTIATE

}  // namespace odt::cuda
