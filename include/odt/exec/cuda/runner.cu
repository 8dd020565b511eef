// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/network_runner_backward.cuh>
#include <odt/exec/cuda/network_runner_forward.cuh>

namespace odt::cuda {

template <class T>
void network_runner<T>::use_plan(int batch, size2 image, run_mode mode) {
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

template <class T>
void network_runner<T>::read_images(cudaStream_t stream, const float* images) {
  const tensor<T> to = at<T>(current_->what.value(0));
  if (patch_layer_ == 0 || keep_all_) convert(stream, images, to.data, to.pixels() * to.channels);
  if (patch_layer_ == 0) return;
  const tensor_view& out = current_->what.value(patch_layer_);
  const tensor<const float> from{images, to.batch, to.height, to.width, to.channels, to.pixel_stride, to.image_stride};
  make_patches(stream, window_of(net_[patch_layer_], current_->what.value(0)), from, out.height, out.width,
               memory_.patches.data());
}

template <class T>
void network_runner<T>::forward(cudaStream_t stream, float* values, const dropout_key& key) {
  stream_ = stream, key_ = key;
  pack_weights(stream, matrices_.data(), static_cast<int>(matrices_.size()), values, packed_.data());
  if (current_->what.has_identities) make_identity(stream, scale(0), shift(0), affines());
  for (const plan_operation& op : current_->what.operations) {
    if (op.kind == operation::loss) return;
    if (!heads_.run_by_partner(op.layer)) observe(op, [&] { run_forward(op, values); });
  }
}

template <class T>
void network_runner<T>::backward(cudaStream_t stream, const float* values, float* gradients) {
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

template <class T>
template <class Work>
void network_runner<T>::observe(const plan_operation& op, const Work& work) {
  if (!observer) return work();
  clock_.begin(stream_);
  work();
  clock_.end(stream_);
  check(cudaStreamSynchronize(stream_), std::string(net_[op.layer].name).c_str());
  const auto milliseconds = static_cast<float>(clock_.seconds() * 1e3);
  if (!heads_.runs_both(op.layer)) return observer(op, milliseconds);
  plan_operation other = op;  // their time by their columns
  other.layer = heads_.partner(op.layer);
  const auto own = static_cast<float>(net_[op.layer].channels), others = static_cast<float>(net_[other.layer].channels);
  observer(other, milliseconds * others / (own + others));
  observer(op, milliseconds * own / (own + others));
}

std::unique_ptr<runner> make_runner(const network& net, const variable_layout& layout, precision compute) {
  if (compute == precision::bf16) return std::make_unique<network_runner<bf16>>(net, layout);
  return std::make_unique<network_runner<float>>(net, layout);
}

}  // namespace odt::cuda
