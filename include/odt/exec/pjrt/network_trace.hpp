// SPDX-License-Identifier: MIT
// A network's layers as operations of a module: what they compute in a step, and how a gradient goes back through
// them. What runs where, and what shares memory, is the plugin's compiler's affair.
#pragma once

#include <odt/exec/pjrt/module_builder.hpp>
#include <odt/nn/network.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace odt::pjrt {

/// What a dropout's choices follow from, besides layer and place: see cpu::dropout.
struct traced_dropout_key {
  static constexpr int low_bits = 20;

  std::uint64_t seed = 0;
  tensor low{}, high{};  ///< of the step's number: its lower bits, and the rest; scalars
};

class network_trace {
 public:
  /// Of variables by their numbers in the network, which outlive it. A layer that no device can be told of is an error
  /// that names it.
  network_trace(module_builder& module, const network& net, std::span<const tensor> variables, run_mode mode,
                traced_dropout_key key = {});

  /// Writes what a step computes of images [batch, height, width, 3].
  void forward(const tensor& images);
  /// One layer alone, whose inputs are written; for who goes through the network by himself.
  const tensor& write(int layer) { return values_[static_cast<std::size_t>(layer)] = forward_of(net_[layer], layer); }
  void set(int layer, const tensor& value) { values_[static_cast<std::size_t>(layer)] = value; }
  /// An output: [batch, rows, columns].
  tensor output(int number) const;
  /// Moving averages after the batch, by variable; not given where they stay.
  std::span<const tensor> moved() const { return moved_; }

  /// Writes the gradients of all variables that are trained, from those of the outputs.
  void backward(std::span<const tensor> output_gradients);
  /// By variable; not given where there is none.
  std::span<const tensor> gradients() const { return gradients_; }

 private:
  /// What a batch norm's backward needs of its forward.
  struct norm_state {
    tensor mean, inv_std;
  };

  const tensor& value(int layer) const { return values_[static_cast<std::size_t>(layer)]; }
  const tensor& input(const layer& l, int number = 0) const { return value(l.inputs[number]); }
  tensor variable(int number) const { return variables_[static_cast<std::size_t>(number)]; }
  /// A variable with one number a channel, beside maps.
  tensor row(int number) const;

  tensor forward_of(const layer& l, int number);
  tensor convolve(const layer& l);
  tensor normalize(const layer& l, norm_state& state);
  tensor normalize_groups(const layer& l, norm_state& state);
  tensor pool(const layer& l);
  tensor upsampled(const layer& l);
  tensor dropped(const layer& l, int number, const tensor& x);

  void backward_of(const layer& l, int number, const tensor& dy);
  void convolve_backward(const layer& l, const tensor& dy);
  tensor normalize_backward(const layer& l, const norm_state& state, const tensor& dy);
  tensor normalize_groups_backward(const layer& l, const norm_state& state, const tensor& dy);
  tensor pool_backward(const layer& l, const tensor& dy);
  tensor upsample_backward(const layer& l, const tensor& dy);
  void find_differentiable();
  bool wants(int layer) const { return differentiable_[static_cast<std::size_t>(layer)]; }
  bool trains(int variable) const;
  void give(int layer, const tensor& gradient);
  void give_variable(int number, const tensor& gradient);

  module_builder& module_;
  const network& net_;
  std::span<const tensor> variables_;
  run_mode mode_;
  traced_dropout_key key_;
  std::vector<tensor> values_;           ///< by layer
  std::vector<norm_state> norms_;        ///< by layer
  std::vector<tensor> layer_gradients_;  ///< by layer
  std::vector<bool> differentiable_;     ///< by layer: a trained variable lies behind it
  std::vector<tensor> masks_;            ///< by layer: of a dropout, 1 / keep where it keeps, else 0
  std::vector<tensor> moved_, gradients_;
};

}  // namespace odt::pjrt

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/pjrt/network_trace.ipp>
#endif
