// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/convolution/convolution.hpp>
#include <odt/exec/cuda/depthwise/depthwise.hpp>
#include <odt/exec/cuda/earlier_gradients.hpp>
#include <odt/exec/cuda/machine/device.hpp>
#include <odt/exec/cuda/machine/graph.hpp>
#include <odt/exec/cuda/machine/memory.hpp>
#include <odt/exec/cuda/machine/side_stream.hpp>
#include <odt/exec/cuda/passes/apply.hpp>
#include <odt/exec/cuda/passes/arithmetic.hpp>
#include <odt/exec/cuda/passes/batch_norm.hpp>
#include <odt/exec/cuda/passes/crop_and_resize.hpp>
#include <odt/exec/cuda/passes/elements.hpp>
#include <odt/exec/cuda/passes/global_pool.hpp>
#include <odt/exec/cuda/passes/group_norm.hpp>
#include <odt/exec/cuda/passes/host_values.hpp>
#include <odt/exec/cuda/passes/pool.hpp>
#include <odt/exec/cuda/passes/position_sensitive_crop.hpp>
#include <odt/exec/cuda/passes/resample.hpp>
#include <odt/exec/cuda/plan_memory.hpp>
#include <odt/exec/cuda/runner.hpp>
#include <odt/exec/cuda/runner_memory.hpp>
#include <odt/exec/recently_used.hpp>
#include <odt/nn/cost.hpp>

#include <algorithm>
#include <string>

namespace odt::cuda {

namespace {

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

  void use_plan(int batch, size2 image, run_mode mode) override {
    current_ = plans_.find(
        [&](const placed_plan& p) { return p.what.batch == batch && p.what.image == image && p.what.mode == mode; });
    if (current_) return;
    current_ = &plans_.add(std::make_unique<placed_plan>(placed_plan{lower_for_gpu(net_, batch, image, mode)}));
    plan& p = current_->what;
    if (keep_all_)
      for (plan_buffer& b : p.buffers) b.first = 0, b.last = static_cast<int>(p.operations.size());
    current_->where = pack_for(p, sizeof(T));
    current_->floats = float_buffers(p);
    if (mode == run_mode::train) {
      current_->unwritten = unwritten_gradients(net_, layout_, p);
      current_->finished = finished_gradients(net_, layout_, p);
    }
    current_->parts.assign(static_cast<std::size_t>(p.affines), 0);
    const plan_needs needs(net_, p, current_->where, multiprocessors());
    memory_.reserve(needs);
  }

  const plan& current() const override { return current_->what; }

  void read_images(cudaStream_t stream, const float* images) override {
    const tensor<T> to = at<T>(current_->what.value(0));
    if (patch_layer_ == 0 || keep_all_) convert(stream, images, to.data, to.pixels() * to.channels);
    if (patch_layer_ == 0) return;
    const tensor_view& out = current_->what.value(patch_layer_);
    const tensor<const float> from{images,      to.batch,        to.height,      to.width,
                                   to.channels, to.pixel_stride, to.image_stride};
    make_patches(stream, window_of(net_[patch_layer_], current_->what.value(0)), from, out.height, out.width,
                 memory_.patches.data());
  }

  void forward(cudaStream_t stream, float* values, const dropout_key& key) override {
    stream_ = stream, key_ = key;
    pack_weights(stream, matrices_.data(), static_cast<int>(matrices_.size()), values, packed_.data());
    if (current_->what.has_identities) make_identity(stream, scale(0), shift(0), affines());
    for (const plan_operation& op : current_->what.operations) {
      if (op.kind == operation::loss) return;
      if (!heads_.run_by_partner(op.layer)) observe(op, [&] { run_forward(op, values); });
    }
  }

  void backward(cudaStream_t stream, const float* values, float* gradients) override {
    stream_ = stream, padded_used_ = 0;
    for (const store_range& r : current_->unwritten)
      check(cudaMemsetAsync(gradients + r.offset, 0, static_cast<std::size_t>(r.size) * sizeof(float), stream),
            "cudaMemsetAsync");
    bool after_loss = false;
    const auto& operations = current_->what.operations;
    for (int i = 0; i < static_cast<int>(operations.size()); ++i) {
      const plan_operation& op = operations[static_cast<std::size_t>(i)];
      if (after_loss) {
        side_.wait_until(stream, i - side_lag);
        if (finished && i >= side_lag) finished(stream, finished_by(i - side_lag));
        if (!heads_.run_by_partner(op.layer)) observe(op, [&] { run_backward(op, i, values, gradients); });
      }
      if (op.kind == operation::loss) after_loss = true;
    }
    side_.wait_until(stream, static_cast<int>(operations.size()));
  }

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
  void observe(const plan_operation& op, const Work& work) {
    if (!observer) return work();
    clock_.begin(stream_);
    work();
    clock_.end(stream_);
    check(cudaStreamSynchronize(stream_), std::string(net_[op.layer].name).c_str());
    const auto milliseconds = static_cast<float>(clock_.seconds() * 1e3);
    if (!heads_.runs_both(op.layer)) return observer(op, milliseconds);
    plan_operation other = op;  // their time by their columns
    other.layer = heads_.partner(op.layer);
    const auto own = static_cast<float>(net_[op.layer].channels),
               others = static_cast<float>(net_[other.layer].channels);
    observer(other, milliseconds * others / (own + others));
    observer(op, milliseconds * own / (own + others));
  }

  void run_forward(const plan_operation& op, float* values) {
    const layer& l = net_[op.layer];
    const plan& p = current_->what;
    const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(op.layer)];
    const auto variable = [values](std::int64_t offset) { return offset >= 0 ? values + offset : nullptr; };
    switch (op.kind) {
      case operation::normalize:
        return normalize_layer(op.layer, values);
      case operation::statistics: {
        const int first = operand_of(op, 0).pending.affine;
        return note_parts(first, l.channels,
                          compute_moments(stream_, reading<T>{at<T>(operand_of(op, 0))}, partial(first)));
      }
      case operation::convolution:
      case operation::depthwise_convolution:
        return p.in_output(p.value(op.layer)) ? predict(op, values) : convolve(op, values);
      case operation::copy:
        return copy(op);
      case operation::apply:
        return apply(stream_, l.function, input(op), written(op));
      case operation::group_norm: {
        const int first = p.of(op.layer).statistics;
        return group_norm(stream_, {l.groups, l.norm.epsilon}, input(op), variable(vars.gamma), variable(vars.beta),
                          written(op), mean(first), inv_std(first), memory_.scratch.data());
      }
      case operation::max_pool:
        return max_pool_forward(stream_, window_of(l, operand_of(op, 0)), input(op), written(op));
      case operation::average_pool:
        return avg_pool_forward(stream_, window_of(l, operand_of(op, 0)), input(op), written(op));
      case operation::global_pool:
        return global_pool(stream_, input(op), written(op));
      case operation::add:
        return add(stream_, input(op, 0), input(op, 1), written(op));
      case operation::multiply:
        return multiply(stream_, input(op, 0), input(op, 1), written(op), false);
      case operation::upsample:
        return upsample(stream_, l.multiplier, input(op), written(op));
      case operation::pad:
        return pad(stream_, input(op), written(op));
      case operation::regions:
        if (!choose_regions) fail(l.name, ": nobody chooses the boxes of this layer; set runner::choose_regions");
        return choose_regions(stream_, op.layer, boxes_of(op.layer));
      case operation::crop_and_resize:
        return crop_and_resize(stream_, input(op), crop_boxes(l), written(op));
      case operation::position_sensitive_crop:
        return position_sensitive_crop(stream_, bins_of(l), input(op), crop_boxes(l), written(op));
      case operation::dropout:
        if (p.mode != run_mode::train) return apply(stream_, elementwise{}, input(op), written(op));
        return dropout(stream_, input(op), written(op), false, choice_of_dropout(op.layer));
      default:
        fail("layer ", l.name, ": a GPU does not run ", name_of(op.kind), " forward");
    }
  }

  void copy(const plan_operation& op) {
    const tensor_view &from = operand_of(op, 0), &to = current_->what[op.operands.back()];
    if (!current_->what.in_output(to)) return apply(stream_, elementwise{}, input(op), at<T>(to));
    if (holds_floats(from)) return odt::cuda::copy(stream_, reading<float>{at<float>(from)}, at<float>(to), false);
    odt::cuda::copy(stream_, input(op), at<float>(to), false);
  }

  /// Where the boxes of a `regions` layer lie.
  boxf* boxes_of(int layer) const { return reinterpret_cast<boxf*>(address(current_->what.value(layer).buffer)); }
  /// Those of crops; null for crops of whole maps.
  const boxf* crop_boxes(const layer& l) const { return l.inputs.size() == 1 ? nullptr : boxes_of(l.inputs[1]); }

  void convolve(const plan_operation& op, const float* values) {
    const layer& l = net_[op.layer];
    const layer_views& place = current_->what.of(op.layer);
    const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(op.layer)];
    const int affine = current_->what.value(op.layer).pending.affine;
    const auto [w, x] = input_of(op);
    const float* const bias = biases_of(op.layer, values);
    const bool wants_moments = current_->what.mode == run_mode::train && place.norm >= 0 && net_[place.norm].norm.train;
    const partial_sums sums = wants_moments ? partial(affine) : partial_sums{};
    const pending finish = transform_of(place.finish);
    const tensor<T> y = written(op);
    const int parts = runs_dense(l) ? conv_forward(stream_, w, x, packed_weights(op.layer), bias, y, sums, finish)
                                    : depthwise_forward(stream_, w, x, values + vars.weights, bias, y, sums, finish);
    if (wants_moments) note_parts(affine, l.channels, parts);
  }

  const float* biases_of(int layer, const float* values) const {
    const std::int64_t biases = layout_.layers[static_cast<std::size_t>(layer)].biases;
    return biases >= 0 ? values + biases : nullptr;
  }
  head_output output_of_head(int layer, const float* values) const {
    return {at<float>(current_->what.value(layer)), biases_of(layer, values)};
  }

  /// A head, and the one that runs with it.
  void predict(const plan_operation& op, const float* values) {
    const auto [w, x] = input_of(op);
    if (!heads_.runs_both(op.layer))
      return conv_forward_heads(stream_, w, x, packed_weights(op.layer), output_of_head(op.layer, values));
    const int first = heads_.partner(op.layer);
    conv_forward_heads(stream_, w, x, packed_weights(first), output_of_head(first, values),
                       output_of_head(op.layer, values));
  }

  void normalize_layer(int number, float* values) {
    const layer& l = net_[number];
    const int producer = current_->what.of(number).producer;
    const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(number)];
    const int first =
        std::max(current_->what.value(producer).pending.affine, current_->what.of(producer).finish.affine);
    const bool batch_statistics = current_->what.mode == run_mode::train && l.norm.train;
    const norm_variables variables{vars.gamma >= 0 ? values + vars.gamma : nullptr,
                                   vars.beta >= 0 ? values + vars.beta : nullptr, values + vars.moving_mean,
                                   values + vars.moving_variance};
    normalize(stream_, {partial(first), current_->parts[static_cast<std::size_t>(first)]}, l.channels, l.norm,
              batch_statistics, variables, {mean(first), inv_std(first), scale(first), shift(first)});
  }

  void run_backward(const plan_operation& op, int number, const float* values, float* gradients) {
    const layer& l = net_[op.layer];
    const plan& p = current_->what;
    const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(op.layer)];
    const auto gradient = [gradients](std::int64_t offset) { return offset >= 0 ? gradients + offset : nullptr; };
    const tensor<T> dx = written(op);
    const auto dy = [&] { return tensor<const T>(at<T>(p.gradient(op.layer))); };
    const bool adds = op.accumulates();
    switch (op.kind) {
      case operation::zero:
        return clear(stream_, dx);
      case operation::normalize_backward:
        return adding(op, gradients, stream_, memory_.shared.data(), [&] { normalize_backward(op, gradients); });
      case operation::clamp_backward:
        return activation_backward(stream_, input(op), dx);
      case operation::weights_backward:
        return p.in_output(p.gradient(op.layer))
                   ? weights_gradient_beside(op, number, padded_gradient(op.layer, true), gradients)
                   : weights_gradient_beside(op, number, dy(), gradients);
      case operation::data_backward:
        return p.in_output(p.gradient(op.layer)) ? data_gradient(op, padded_gradient(op.layer, false))
                                                 : data_gradient(op, dy());
      case operation::depthwise_backward:
        return adding(op, gradients, stream_, memory_.shared.data(),
                      [&] { depthwise_gradients(op, dy(), values, gradients); });
      case operation::copy_backward:
        if (const tensor_view& from = operand_of(op, 0); p.in_output(from))
          return odt::cuda::copy(stream_, reading<float>{at<float>(from)}, dx, adds);
        return apply_backward(stream_, elementwise{}, reading<T>{}, input(op).x, dx, adds);
      case operation::apply_backward:
        return apply_backward(stream_, l.function, input(op, 0), input(op, 1).x, dx, adds);
      case operation::group_norm_backward:
        return adding(op, gradients, stream_, memory_.shared.data(), [&] {
          const int first = p.of(op.layer).statistics;
          group_norm_backward(stream_, {l.groups, l.norm.epsilon}, input(op, 0), mean(first), inv_std(first),
                              vars.gamma >= 0 ? values + vars.gamma : nullptr, input(op, 1).x, dx, adds,
                              gradient(vars.gamma), gradient(vars.beta), memory_.scratch.data());
        });
      case operation::max_pool_backward:
        return max_pool_backward(stream_, window_of(l, operand_of(op, 0)), input(op, 0), input(op, 1).x, dx, adds,
                                 reinterpret_cast<std::uint8_t*>(memory_.scratch.data()));
      case operation::average_pool_backward:
        return avg_pool_backward(stream_, window_of(l, p[op.operands.back()]), input(op).x, dx, adds);
      case operation::global_pool_backward:
        return global_pool_backward(stream_, input(op).x, dx, adds);
      case operation::multiply_backward:
        if (dx.height * dx.width < input(op, 1).x.height * input(op, 1).x.width)
          return multiply_and_sum(stream_, input(op, 0), input(op, 1).x, dx, adds);
        return multiply(stream_, input(op, 1), input(op, 0), dx, adds);
      case operation::upsample_backward:
        return upsample_backward(stream_, l.multiplier, input(op).x, dx, adds);
      case operation::crop_and_resize_backward:
        return crop_and_resize_backward(stream_, crop_boxes(l), dy(), dx, adds);
      case operation::position_sensitive_crop_backward:
        return position_sensitive_crop_backward(stream_, bins_of(l), crop_boxes(l), dy(), dx, adds);
      case operation::dropout_backward:
        return dropout(stream_, input(op), dx, adds, choice_of_dropout(op.layer));
      default:
        fail("layer ", l.name, ": a GPU does not run ", name_of(op.kind), " backward");
    }
  }

  /// Runs work that overwrites gradients of variables; where another layer has begun them, they are added.
  template <class Work>
  void adding(const plan_operation& op, float* gradients, cudaStream_t stream, float* kept, const Work& work) {
    if (!op.adds) return work();
    add_to_earlier(stream, net_, layout_, variables_of(current_->what, op), gradients, kept, work);
  }

  void normalize_backward(const plan_operation& op, float* gradients) {
    const tensor_view& z = operand_of(op, 0);
    const int norm = current_->what.of(op.layer).norm, first = z.pending.affine;
    const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(norm)];
    batch_norm_backward(stream_, reading_of(z), mean(first), inv_std(first), written(op),
                        vars.gamma >= 0 ? gradients + vars.gamma : nullptr,
                        vars.beta >= 0 ? gradients + vars.beta : nullptr, !net_[norm].norm.train, partial(first),
                        op.summed ? current_->parts[static_cast<std::size_t>(first)] : 0, memory_.scratch.data());
  }

  /// The gradient of a head's predictions, with those of the head that runs with it, as the products want them;
  /// `weights` comes before the data's.
  tensor<const T> padded_gradient(int layer, bool weights) {
    const tensor_view& p = current_->what.gradient(layer);
    const std::int64_t columns = packed(joint_matrix_of(net_, heads_, layer).columns),
                       image = columns * p.height * p.width;
    if (!weights) padded_used_ -= p.images * image;
    T* const to = memory_.padded.data() + padded_used_;
    padded_used_ += p.images * image;
    const tensor<const float> own(at<float>(p));
    if (weights && heads_.runs_both(layer))
      pad_channels(stream_, tensor<const float>(at<float>(current_->what.gradient(heads_.partner(layer)))), own, to);
    else if (weights)
      pad_channels(stream_, own, {}, to);
    return {to, p.images, p.height, p.width, static_cast<int>(columns), columns, image};
  }

  /// On the side stream, unless somebody wants to know the time of each operation.
  void weights_gradient_beside(const plan_operation& op, int number, const tensor<const T>& dy, float* gradients) {
    const auto work = [&](cudaStream_t stream) {
      adding(op, gradients, stream, memory_.side_shared.data(),
             [&] { weights_gradient(stream, op, dy, gradients, memory_.side_scratch.data()); });
    };
    if (observer) return work(stream_);
    side_.begin_after(stream_);
    work(side_.stream());
    side_.end(number);
  }

  void weights_gradient(cudaStream_t stream, const plan_operation& op, const tensor<const T>& dy, float* gradients,
                        float* scratch) {
    const auto [w, x] = input_of(op);
    const auto to = [&](int layer) -> gradient_target {
      const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(layer)];
      return {matrix_of(net_, net_[layer]), gradients + vars.weights,
              vars.biases >= 0 ? gradients + vars.biases : nullptr};
    };
    if (heads_.runs_both(op.layer))
      conv_backward_weights(stream, w, x, dy, to(heads_.partner(op.layer)), to(op.layer), scratch);
    else
      conv_backward_weights(stream, w, x, dy, to(op.layer), scratch);
  }

  void data_gradient(const plan_operation& op, const tensor<const T>& dy) {
    const layer& l = net_[op.layer];
    const tensor_view& x = current_->what.value(l.inputs[0]);
    const gradient_sums<T> sums = op.sums ? sums_of(x) : gradient_sums<T>{};
    const T* const weights = packed_weights(heads_.runs_both(op.layer) ? heads_.partner(op.layer) : op.layer);
    const int parts = conv_backward_data(stream_, window_of(l, x), dy, weights, written(op), op.accumulates(), sums);
    if (op.sums) note_parts(x.pending.affine, x.channels, parts);
  }

  void depthwise_gradients(const plan_operation& op, const tensor<const T>& dy, const float* values, float* gradients) {
    const layer& l = net_[op.layer];
    if (runs_dense(l)) {
      weights_gradient(stream_, op, dy, gradients, memory_.scratch.data());
      if (written(op).data) data_gradient(op, dy);
      return;
    }
    const tensor_view& x = current_->what.value(l.inputs[0]);
    const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(op.layer)];
    const gradient_sums<T> sums = op.sums ? sums_of(x) : gradient_sums<T>{};
    const int parts = depthwise_backward(
        stream_, window_of(l, x), input(op), dy, values + vars.weights, written(op), op.accumulates(),
        gradients + vars.weights, vars.biases >= 0 ? gradients + vars.biases : nullptr, sums, memory_.scratch.data());
    if (op.sums) note_parts(x.pending.affine, x.channels, parts);
  }

  dropout_choice choice_of_dropout(int number) const {
    return {key_.seed, key_.step, static_cast<std::uint64_t>(number), net_[number].dropout};
  }

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

}  // namespace

std::unique_ptr<runner> make_runner(const network& net, const variable_layout& layout, precision compute) {
  if (compute == precision::bf16) return std::make_unique<network_runner<bf16>>(net, layout);
  return std::make_unique<network_runner<float>>(net, layout);
}

}  // namespace odt::cuda
