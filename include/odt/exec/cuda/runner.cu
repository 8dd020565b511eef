// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/convolution/convolution.hpp>
#include <odt/exec/cuda/depthwise/depthwise.hpp>
#include <odt/exec/cuda/machine/device.hpp>
#include <odt/exec/cuda/machine/graph.hpp>
#include <odt/exec/cuda/machine/memory.hpp>
#include <odt/exec/cuda/machine/side_stream.hpp>
#include <odt/exec/cuda/passes/batch_norm.hpp>
#include <odt/exec/cuda/passes/elements.hpp>
#include <odt/exec/cuda/passes/pool.hpp>
#include <odt/exec/cuda/plan_memory.hpp>
#include <odt/exec/cuda/runner.hpp>

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

  void prepare(int batch, size2 image, run_mode mode) override {
    const auto found = std::ranges::find_if(plans_, [&](const std::unique_ptr<prepared>& p) {
      return p->what.batch == batch && p->what.image == image && p->what.mode == mode;
    });
    if (found != plans_.end()) {
      current_ = found->get();
      return;
    }
    plans_.push_back(std::make_unique<prepared>(prepared{lower_for_gpu(net_, batch, image, mode), {}, {}, false}));
    current_ = plans_.back().get();
    plan& p = current_->what;
    if (keep_all_)
      for (plan_buffer& b : p.buffers) b.first = 0, b.last = static_cast<int>(p.operations.size());
    current_->where = pack_for(p, sizeof(T));
    current_->parts.assign(static_cast<std::size_t>(p.affines), 0);
    current_->has_plain_slices = has_plain_slices(p);
    const plan_needs needs(net_, p, current_->where, multiprocessors());
    grow(arena_, needs.arena);
    grow(tables_, needs.tables);
    grow(scratch_, needs.scratch);
    grow(side_scratch_, needs.side_scratch);
    grow(padded_, needs.padded);
    grow(patches_, needs.patches);
  }

  const plan& current() const override { return current_->what; }

  void read_images(cudaStream_t stream, const float* images) override {
    const tensor<T> to = at<T>(place_of(0).value);
    if (patch_layer_ == 0 || keep_all_) convert(stream, images, to.data, to.pixels() * to.channels);
    if (patch_layer_ == 0) return;
    const tensor_place& out = place_of(patch_layer_).value;
    const tensor<const float> from{images,      to.batch,        to.height,      to.width,
                                   to.channels, to.pixel_stride, to.image_stride};
    make_patches(stream, window_of(net_[patch_layer_], place_of(0).value), from, out.height, out.width,
                 patches_.data());
  }

  void forward(cudaStream_t stream, float* values, const dropout_key& key) override {
    stream_ = stream, key_ = key;
    pack_weights(stream, matrices_.data(), static_cast<int>(matrices_.size()), values, packed_.data());
    if (current_->has_plain_slices) make_identity(stream, scale(0), shift(0), affines());
    for (const plan_operation& op : current_->what.operations) {
      if (op.kind == operation::loss) return;
      if (!heads_.run_by_partner(op.layer)) observe(op, [&] { run_forward(op, values); });
    }
  }

  void backward(cudaStream_t stream, const float* values, float* gradients) override {
    stream_ = stream, padded_used_ = 0;
    bool after_loss = false;
    const auto& operations = current_->what.operations;
    for (int i = 0; i < static_cast<int>(operations.size()); ++i) {
      const plan_operation& op = operations[static_cast<std::size_t>(i)];
      if (after_loss) {
        side_.wait_until(stream, i - side_lag);
        if (!heads_.run_by_partner(op.layer)) observe(op, [&] { run_backward(op, i, values, gradients); });
      }
      if (op.kind == operation::loss) after_loss = true;
    }
    side_.wait_until(stream, static_cast<int>(operations.size()));
  }

  float* logits() override { return prediction(current_->what.logits); }
  float* encodings() override { return prediction(current_->what.encodings); }
  float* logits_gradient() override { return prediction(current_->what.logits_gradient); }
  float* encodings_gradient() override { return prediction(current_->what.encodings_gradient); }

  std::size_t bytes() const override {
    return arena_.bytes() + scratch_.bytes() + side_scratch_.bytes() + tables_.bytes() + padded_.bytes() +
           patches_.bytes() + packed_.bytes() + matrices_.bytes();
  }
  int generation() const override { return generation_; }

  std::vector<float> output(int number) override {
    const layer_place& place = place_of(number);
    if (is_prediction(current_->what, place.value.buffer)) return copied<float>(place);
    return copied<T>(place);
  }

  void keep_all(bool keep) override {
    keep_all_ = keep;
    plans_.clear();
    current_ = nullptr;
    ++generation_;
  }

 private:
  struct prepared {
    plan what;
    arena_layout where;
    std::vector<int> parts;         ///< by affine: of the sums that lie in the tables now
    bool has_plain_slices = false;  ///< a concat's scales and shifts cover a branch without batch norm
  };

  bool has_plain_slices(const plan& p) const {
    for (int i = 0; i < net_.size(); ++i) {
      const layer_place& place = p.places[static_cast<std::size_t>(i)];
      const bool produces = place.producer == i && net_[i].kind != layer_kind::concat;
      if (produces && place.norm < 0 && std::max(place.pending.affine, place.finish.affine) >= 0) return true;
    }
    return false;
  }

  template <class E>
  void grow(device_array<E>& memory, std::int64_t elements) {
    if (memory.size() >= static_cast<std::size_t>(elements)) return;
    check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    memory = {};
    memory = device_array<E>(static_cast<std::size_t>(elements));
    ++generation_;
  }

  const layer_place& place_of(int layer) const { return current_->what.places[static_cast<std::size_t>(layer)]; }

  float* address(int buffer) const { return arena_.data() + current_->where.offsets[static_cast<std::size_t>(buffer)]; }
  float* prediction(int buffer) const { return buffer < 0 ? nullptr : address(buffer); }

  template <class E>
  tensor<E> at(const tensor_place& p) const {
    if (p.buffer < 0) return {};
    return {reinterpret_cast<E*>(address(p.buffer)) + p.offset,
            current_->what.batch,
            p.height,
            p.width,
            p.channels,
            p.pixel_stride,
            p.image_stride};
  }

  std::int64_t affines() const { return current_->what.affines; }
  float* table(int row, int affine) const { return tables_.data() + row * affines() + affine; }
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

  reading<T> reading_of(int layer) const {
    const layer_place& place = place_of(layer);
    return {at<T>(place.value), transform_of(place.pending)};
  }

  /// What a convolution reads, and with which window: the layer before it, or patches of the images.
  struct convolution_input {
    window w;
    reading<T> x;
  };

  convolution_input input_of(int number) const {
    const layer& l = net_[number];
    if (number != patch_layer_) return {window_of(l, place_of(l.inputs[0]).value), reading_of(l.inputs[0])};
    const tensor_place& out = place_of(number).value;
    const std::int64_t columns = packed(matrix_of(net_, l).rows), image = columns * out.height * out.width;
    const tensor<T> cut{
        patches_.data(), current_->what.batch, out.height, out.width, static_cast<int>(columns), columns, image};
    return {window{}, reading<T>{cut}};
  }

  gradient_sums<T> sums_of(int layer) const {
    const int first = place_of(layer).pending.affine;
    return {reading_of(layer), mean(first), partial(first)};
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
    const layer_place& place = place_of(op.layer);
    if (op.kind == operation::normalize) return normalize_layer(op.layer, values);
    if (convolves(l))
      return is_prediction(current_->what, place.value.buffer) ? predict(op.layer, values) : convolve(op, values);
    const reading<T> x = reading_of(op.input());
    const tensor<T> y = at<T>(place.value);
    const window w = window_of(l, place_of(op.input()).value);
    switch (op.kind) {
      case operation::max_pool:
        return max_pool_forward(stream_, w, x, y);
      case operation::average_pool:
        return avg_pool_forward(stream_, w, x, y);
      case operation::pad:
        return pad(stream_, x, y);
      case operation::dropout:
        if (current_->what.mode != run_mode::train) return apply_pending(stream_, x, y);
        return dropout(stream_, x, y, false, choice_of_dropout(op.layer));
      default:
        return;
    }
  }

  void convolve(const plan_operation& op, const float* values) {
    const layer& l = net_[op.layer];
    const layer_place& place = place_of(op.layer);
    const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(op.layer)];
    const auto [w, x] = input_of(op.layer);
    const float* const bias = biases_of(op.layer, values);
    const bool wants_moments = current_->what.mode == run_mode::train && place.norm >= 0 && net_[place.norm].norm.train;
    const partial_sums sums = wants_moments ? partial(place.pending.affine) : partial_sums{};
    const pending finish = transform_of(place.finish);
    const tensor<T> y = at<T>(place.value);
    const int parts = runs_dense(l) ? conv_forward(stream_, w, x, packed_weights(op.layer), bias, y, sums, finish)
                                    : depthwise_forward(stream_, w, x, values + vars.weights, bias, y, sums, finish);
    if (wants_moments) note_parts(place.pending.affine, l.channels, parts);
  }

  const float* biases_of(int layer, const float* values) const {
    const std::int64_t biases = layout_.layers[static_cast<std::size_t>(layer)].biases;
    return biases >= 0 ? values + biases : nullptr;
  }
  head_output output_of_head(int layer, const float* values) const {
    return {at<float>(place_of(layer).value), biases_of(layer, values)};
  }

  /// A head, and the one that runs with it.
  void predict(int layer, const float* values) {
    if (!runs_dense(net_[layer]) || place_of(layer).norm >= 0 || place_of(layer).clamp >= 0)
      fail("layer ", net_[layer].name, ": a head on a GPU is a dense convolution without batch norm and activation");
    const auto [w, x] = input_of(layer);
    if (!heads_.runs_both(layer))
      return conv_forward_heads(stream_, w, x, packed_weights(layer), output_of_head(layer, values));
    const int first = heads_.partner(layer);
    conv_forward_heads(stream_, w, x, packed_weights(first), output_of_head(first, values),
                       output_of_head(layer, values));
  }

  void normalize_layer(int number, float* values) {
    const layer& l = net_[number];
    const layer_place& place = place_of(place_of(number).producer);
    const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(number)];
    const int first = std::max(place.pending.affine, place.finish.affine);
    const bool batch_statistics = current_->what.mode == run_mode::train && l.norm.train;
    const norm_variables variables{vars.gamma >= 0 ? values + vars.gamma : nullptr,
                                   vars.beta >= 0 ? values + vars.beta : nullptr, values + vars.moving_mean,
                                   values + vars.moving_variance};
    normalize(stream_, {partial(first), current_->parts[static_cast<std::size_t>(first)]}, l.channels, l.norm,
              batch_statistics, variables, {mean(first), inv_std(first), scale(first), shift(first)});
  }

  void run_backward(const plan_operation& op, int number, const float* values, float* gradients) {
    const layer& l = net_[op.layer];
    const layer_place& place = place_of(op.layer);
    if (convolves(l) && is_prediction(current_->what, place.gradient.buffer)) {
      if (op.kind == operation::weights_backward || op.kind == operation::data_backward)
        return differentiate_head(op, number, gradients);
      fail("layer ", l.name, ": a head with an activation or batch norm cannot be trained on a GPU");
    }
    const tensor<T> own = at<T>(place.gradient);
    switch (op.kind) {
      case operation::zero:
        return clear(stream_, own);
      case operation::normalize_backward:
        return normalize_backward(op, own, gradients);
      case operation::clamp_backward:
        return activation_backward(stream_, reading_of(op.layer), own);
      case operation::dropout_backward:
        return dropout(stream_, reading<T>{own}, at<T>(place_of(op.input()).gradient), op.accumulates(),
                       choice_of_dropout(op.layer));
      default:
        return differentiate(op, number, values, gradients);
    }
  }

  void normalize_backward(const plan_operation& op, const tensor<T>& own, float* gradients) {
    const layer_place& place = place_of(op.layer);
    const layer_variables_place& norm = layout_.layers[static_cast<std::size_t>(place.norm)];
    const int first = place.pending.affine;
    batch_norm_backward(stream_, reading_of(op.layer), mean(first), inv_std(first), own,
                        norm.gamma >= 0 ? gradients + norm.gamma : nullptr,
                        norm.beta >= 0 ? gradients + norm.beta : nullptr, !net_[place.norm].norm.train, partial(first),
                        op.summed ? current_->parts[static_cast<std::size_t>(first)] : 0, scratch_.data());
  }

  /// The gradient of a head's predictions, with those of the head that runs with it, as the products want them;
  /// `weights` comes before the data's.
  tensor<const T> padded_gradient(int layer, bool weights) {
    const tensor_place& p = place_of(layer).gradient;
    const std::int64_t columns = packed(joint_matrix_of(net_, heads_, layer).columns),
                       image = columns * p.height * p.width;
    if (!weights) padded_used_ -= current_->what.batch * image;
    T* const to = padded_.data() + padded_used_;
    padded_used_ += current_->what.batch * image;
    const tensor<const float> own(at<float>(p));
    if (weights && heads_.runs_both(layer))
      pad_channels(stream_, tensor<const float>(at<float>(place_of(heads_.partner(layer)).gradient)), own, to);
    else if (weights)
      pad_channels(stream_, own, {}, to);
    return {to, current_->what.batch, p.height, p.width, static_cast<int>(columns), columns, image};
  }

  void differentiate_head(const plan_operation& op, int number, float* gradients) {
    const bool weights = op.kind == operation::weights_backward;
    const tensor<const T> dy = padded_gradient(op.layer, weights);
    weights ? weights_gradient_beside(op, number, dy, gradients) : data_gradient(op, dy);
  }

  /// On the side stream, unless somebody wants to know the time of each operation.
  void weights_gradient_beside(const plan_operation& op, int number, const tensor<const T>& dy, float* gradients) {
    if (observer) return weights_gradient(stream_, op, dy, gradients, side_scratch_.data());
    side_.begin_after(stream_);
    weights_gradient(side_.stream(), op, dy, gradients, side_scratch_.data());
    side_.end(number);
  }

  void weights_gradient(cudaStream_t stream, const plan_operation& op, const tensor<const T>& dy, float* gradients,
                        float* scratch) {
    const auto [w, x] = input_of(op.layer);
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
    const layer_place& input = place_of(op.input());
    const gradient_sums<T> sums = op.sums ? sums_of(op.input()) : gradient_sums<T>{};
    const T* const weights = packed_weights(heads_.runs_both(op.layer) ? heads_.partner(op.layer) : op.layer);
    const int parts = conv_backward_data(stream_, window_of(l, input.value), dy, weights, at<T>(input.gradient),
                                         op.accumulates(), sums);
    if (op.sums) note_parts(input.pending.affine, input.value.channels, parts);
  }

  void depthwise_gradients(const plan_operation& op, const tensor<const T>& dy, const float* values, float* gradients) {
    const layer& l = net_[op.layer];
    const layer_place& input = place_of(op.input());
    if (runs_dense(l)) {
      weights_gradient(stream_, op, dy, gradients, scratch_.data());
      if (input.gradient.buffer >= 0) data_gradient(op, dy);
      return;
    }
    const layer_variables_place& vars = layout_.layers[static_cast<std::size_t>(op.layer)];
    const gradient_sums<T> sums = op.sums ? sums_of(op.input()) : gradient_sums<T>{};
    const int parts =
        depthwise_backward(stream_, window_of(l, input.value), reading_of(op.input()), dy, values + vars.weights,
                           at<T>(input.gradient), op.accumulates(), gradients + vars.weights,
                           vars.biases >= 0 ? gradients + vars.biases : nullptr, sums, scratch_.data());
    if (op.sums) note_parts(input.pending.affine, input.value.channels, parts);
  }

  void differentiate(const plan_operation& op, int number, const float* values, float* gradients) {
    const layer& l = net_[op.layer];
    const layer_place& input = place_of(op.input());
    const tensor<const T> dy = at<T>(place_of(op.layer).gradient);
    const tensor<T> dx = at<T>(input.gradient);
    const window w = window_of(l, input.value);
    switch (op.kind) {
      case operation::weights_backward:
        return weights_gradient_beside(op, number, dy, gradients);
      case operation::data_backward:
        return data_gradient(op, dy);
      case operation::depthwise_backward:
        return depthwise_gradients(op, dy, values, gradients);
      case operation::max_pool_backward:
        return max_pool_backward(stream_, w, reading_of(op.input()), dy, dx, op.accumulates(),
                                 reinterpret_cast<std::uint8_t*>(scratch_.data()));
      case operation::average_pool_backward:
        return avg_pool_backward(stream_, w, dy, dx, op.accumulates());
      default:
        return;
    }
  }

  dropout_choice choice_of_dropout(int number) const {
    return {key_.seed, key_.step, static_cast<std::uint64_t>(number), net_[number].keep_probability};
  }

  template <class E>
  std::vector<float> copied(const layer_place& place) {
    const tensor<E> x = at<E>(place.value);
    const std::int64_t count = x.pixels() * x.channels;
    device_array<E> dense(static_cast<std::size_t>(count));
    const std::int64_t pixel = x.channels, image = pixel * x.height * x.width;
    apply_pending(stream_, reading<E>{x, transform_of(place.pending)},
                  tensor<E>{dense.data(), x.batch, x.height, x.width, x.channels, pixel, image});
    std::vector<E> host(dense.size());
    check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
    check(cudaMemcpy(host.data(), dense.data(), dense.bytes(), cudaMemcpyDeviceToHost), "cudaMemcpy");
    std::vector<float> values(host.size());
    std::ranges::transform(host, values.begin(), [](E e) { return static_cast<float>(e); });
    return values;
  }

  const network& net_;
  const variable_layout& layout_;
  joint_heads heads_;
  packed_layout packed_layout_;
  device_array<T> packed_;
  device_array<packing> matrices_;
  std::vector<std::unique_ptr<prepared>> plans_;
  prepared* current_ = nullptr;
  int patch_layer_ = layer_of_patches(net_);
  device_array<float> arena_, scratch_, side_scratch_, tables_;
  side_stream side_;
  event_clock clock_;
  std::int64_t padded_used_ = 0;
  device_array<T> padded_, patches_;
  cudaStream_t stream_ = nullptr;
  dropout_key key_;
  bool keep_all_ = false;
  int generation_ = 0;
};

}  // namespace

std::unique_ptr<runner> make_runner(const network& net, const variable_layout& layout, precision compute) {
  if (compute == precision::bf16) return std::make_unique<network_runner<bf16>>(net, layout);
  return std::make_unique<network_runner<float>>(net, layout);
}

}  // namespace odt::cuda
