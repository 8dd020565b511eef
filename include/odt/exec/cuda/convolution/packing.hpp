// SPDX-License-Identifier: MIT
// Layouts that products of matrices want: rows of whole vectors of eight. Weights are packed, gradients of predictions
// padded, images cut into the patches that a window sees.
#pragma once

#include <odt/exec/cuda/machine/tensor.hpp>

#include <cstdint>

namespace odt::cuda {

/// Copies `count` weight matrices (device memory) to their packed places: packed(rows) rows of packed(columns) of T.
template <class T>
void pack_weights(cudaStream_t stream, const packing* what, int count, const float* variables, T* to);

/// Copies two tensors of as many pixels, of which the second may have no channels, to dense
/// [pixels][packed(first.channels) + packed(second.channels)] of T.
template <class T>
void pad_channels(cudaStream_t stream, const tensor<const float>& first, const tensor<const float>& second, T* to);

/// What the window sees at each of out_height x out_width places of each image, by taps and channels: dense
/// [batch * out_height * out_width][packed(taps * channels)] of T, zeros where it looks beyond the image.
template <class T>
void make_patches(cudaStream_t stream, const window& w, const tensor<const float>& images, int out_height,
                  int out_width, T* to);

}  // namespace odt::cuda
