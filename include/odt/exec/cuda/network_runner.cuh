// SPDX-License-Identifier: MIT
// The runner, for activations of one type: plans, memory and addresses here, operations in the files for each way.
#pragma once

#include <odt/exec/cuda/earlier_gradients.hpp>
#include <odt/exec/cuda/kernels.hpp>
#include <odt/exec/cuda/machine/device.hpp>
#include <odt/exec/cuda/machine/graph.hpp>
#include <odt/exec/cuda/machine/memory.hpp>
#include <odt/exec/cuda/machine/side_stream.hpp>
#include <odt/exec/cuda/plan_memory.hpp>
#include <odt/exec/cuda/runner.hpp>
#include <odt/exec/cuda/runner_memory.hpp>
#include <odt/exec/recently_used.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace odt::cuda {

/// T is the activations' type.
template <class T>
class network_runner final : public runner {
 public:
  network_runner(const network& net, const variable_layout& layout)
      : net_(net),
        layout_(layout),
        heads_(net),
        packed_layout_(net, heads_, layout),
        packed_(static_cast<std::size_t>(packed_layout_.elements)),
        matrices_(packed_layout_.matrices.size()) {
    check(cudaMemcpy(matrices_.data(), packed_layout_.matrices.data(), matrices_.bytes(), cudaMemcpyHostToDevice),
          "cudaMemcpy");
  }

  void use_plan(int batch, size2 image, run_mode mode) override;
  const plan& current() const override { return current_->what; }

  void read_images(cudaStream_t stream, const float* images) override;
  void forward(cudaStream_t stream, float* values, const dropout_key& key) override;
  void backward(cudaStream_t stream, const float* values, float* gradients) override;
  float* output(int number) override { return whole(current_->what.outputs[static_cast<std::size_t>(number)].value); }
  float* output_gradient(int number) override {
    return whole(current_->what.outputs[static_cast<std::size_t>(number)].gradient);
  }

  std::size_t bytes() const override { return memory_.bytes() + packed_.bytes() + matrices_.bytes(); }
  int generation() const override { return memory_.generation; }

  std::vector<float> values_of(int number) override {
    const tensor_view& v = current_->what.value(number);
    if (holds_floats(v)) return host_values(stream_, reading<float>{at<float>(v), transform_of(v.pending)});
    return host_values(stream_, reading_of(v));
  }

  void keep_all(bool keep) override {
    keep_all_ = keep;
    plans_.clear();
    current_ = nullptr;
    ++memory_.generation;
  }

 private:
  struct placed_plan {
    plan what;
    arena_layout where{};
    std::vector<bool> floats{};            ///< see float_buffers
    std::vector<int> parts{};              ///< by affine: of the sums that lie in the tables now
    std::vector<store_range> unwritten{};  ///< see unwritten_gradients
    std::vector<std::int64_t> finished{};  ///< see finished_gradients
  };

  /// Gradients that are final when that operation and all before it are done. A head that runs with another does so
  /// earlier than its own operations stand in the plan.
  std::int64_t finished_by(int operation) const { return current_->finished[static_cast<std::size_t>(operation)]; }

  float* address(int buffer) const {
    return memory_.arena.data() + current_->where.offsets[static_cast<std::size_t>(buffer)];
  }

  /// A whole buffer by the number of its view; null without one.
  float* whole(int view) const {
    return view < 0 ? nullptr : address(current_->what.views[static_cast<std::size_t>(view)].buffer);
  }
  bool holds_floats(const tensor_view& v) const {
    return v.buffer >= 0 && current_->floats[static_cast<std::size_t>(v.buffer)];
  }

  template <class E>
  tensor<E> at(const tensor_view& v) const {
    if (v.buffer < 0) return {};
    return {reinterpret_cast<E*>(address(v.buffer)) + v.offset,
            v.images,
            v.height,
            v.width,
            v.channels,
            v.pixel_stride,
            v.image_stride};
  }

  std::int64_t affines() const { return current_->what.affines; }
  float* table(int row, int affine) const { return memory_.tables.data() + row * affines() + affine; }
  float* scale(int affine) const { return table(0, affine); }
  float* shift(int affine) const { return table(1, affine); }
  float* mean(int affine) const { return table(2, affine); }
  float* inv_std(int affine) const { return table(3, affine); }
  partial_sums partial(int affine) const { return {table(4, affine), affines()}; }

  pending transform_of(const pending_place& p) const {
    pending transform{nullptr, nullptr, p.low, p.high};
    if (p.affine >= 0) transform.scale = scale(p.affine), transform.shift = shift(p.affine);
    return transform;
  }

  reading<T> reading_of(const tensor_view& v) const { return {at<T>(v), transform_of(v.pending)}; }

  const tensor_view& operand_of(const plan_operation& op, int number) const {
    return current_->what[op.operands[static_cast<std::size_t>(number)]];
  }
  /// What an operation reads, by number of its operands.
  reading<T> input(const plan_operation& op, int number = 0) const { return reading_of(operand_of(op, number)); }
  /// What an operation writes; without data where it writes no tensor.
  tensor<T> written(const plan_operation& op) const {
    return op.operands.back().how == access::read ? tensor<T>{} : at<T>(current_->what[op.operands.back()]);
  }

  /// What a convolution reads, and with which window: the layer before it, or patches of the images.
  struct convolution_input {
    window w;
    reading<T> x;
  };

  convolution_input input_of(const plan_operation& op) const {
    const layer& l = net_[op.layer];
    if (op.layer != patch_layer_) return {window_of(l, operand_of(op, 0)), input(op)};
    const tensor_view& out = current_->what.value(op.layer);
    const std::int64_t columns = packed(matrix_of(net_, l).rows), image = columns * out.height * out.width;
    const tensor<T> cut{
        memory_.patches.data(), current_->what.batch, out.height, out.width, static_cast<int>(columns), columns, image};
    return {window{}, reading<T>{cut}};
  }

  gradient_sums<T> sums_of(const tensor_view& v) const {
    return {reading_of(v), mean(v.pending.affine), partial(v.pending.affine)};
  }

  void note_parts(int affine, int channels, int parts) {
    std::fill_n(current_->parts.begin() + affine, channels, parts);
  }

  const T* packed_weights(int layer) const {
    return packed_.data() + packed_layout_.at[static_cast<std::size_t>(layer)];
  }

  template <class Work>
  void observe(const plan_operation& op, const Work& work);

  /// Where the boxes of a `regions` layer lie.
  boxf* boxes_of(int layer) const { return reinterpret_cast<boxf*>(address(current_->what.value(layer).buffer)); }
  /// Those of crops; null for crops of whole maps.
  const boxf* crop_boxes(const layer& l) const { return l.inputs.size() == 1 ? nullptr : boxes_of(l.inputs[1]); }

  const float* biases_of(int layer, const float* values) const {
    const std::int64_t biases = layout_.layers[static_cast<std::size_t>(layer)].biases;
    return biases >= 0 ? values + biases : nullptr;
  }
  head_output output_of_head(int layer, const float* values) const {
    return {at<float>(current_->what.value(layer)), biases_of(layer, values)};
  }

  /// Runs work that overwrites gradients of variables; where another layer has begun them, they are added.
  template <class Work>
  void adding(const plan_operation& op, float* gradients, cudaStream_t stream, float* kept, const Work& work) {
    if (!op.adds) return work();
    add_to_earlier(stream, net_, layout_, variables_of(current_->what, op), gradients, kept, work);
  }

  dropout_choice choice_of_dropout(int number) const {
    return {key_.seed, key_.step, static_cast<std::uint64_t>(number), net_[number].dropout};
  }

  void run_forward(const plan_operation& op, float* values);
  void copy(const plan_operation& op);
  void convolve(const plan_operation& op, const float* values);
  /// A head, and the one that runs with it.
  void predict(const plan_operation& op, const float* values);
  void normalize_layer(int number, float* values);
  void run_backward(const plan_operation& op, int number, const float* values, float* gradients);
  void normalize_backward(const plan_operation& op, float* gradients);
  /// The gradient of a head's predictions, with those of the head that runs with it, as the products want them;
  /// `weights` comes before the data's.
  tensor<const T> padded_gradient(int layer, bool weights);
  /// On the side stream, unless somebody wants to know the time of each operation.
  void weights_gradient_beside(const plan_operation& op, int number, const tensor<const T>& dy, float* gradients);
  void weights_gradient(cudaStream_t stream, const plan_operation& op, const tensor<const T>& dy, float* gradients,
                        float* scratch);
  void data_gradient(const plan_operation& op, const tensor<const T>& dy);
  void depthwise_gradients(const plan_operation& op, const tensor<const T>& dy, const float* values, float* gradients);

  const network& net_;
  const variable_layout& layout_;
  joint_heads heads_;
  packed_layout packed_layout_;
  device_array<T> packed_;
  device_array<packing> matrices_;
  recently_used<placed_plan> plans_;
  placed_plan* current_ = nullptr;
  int patch_layer_ = layer_of_patches(net_);
  runner_memory<T> memory_;
  side_stream side_;
  event_clock clock_;
  std::int64_t padded_used_ = 0;
  cudaStream_t stream_ = nullptr;
  dropout_key key_;
  bool keep_all_ = false;
};

}  // namespace odt::cuda
