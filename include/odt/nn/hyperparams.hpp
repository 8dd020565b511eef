// SPDX-License-Identifier: MIT
// What a group of convolutions shares: pipeline.config's `hyperparams` message.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/settings.hpp>
#include <odt/nn/activation.hpp>
#include <odt/nn/initializer.hpp>
#include <odt/nn/regularizer.hpp>

#include <string>
#include <string_view>

namespace odt {

/// Batch normalization as TensorFlow computes it; defaults are the schema's.
struct batch_norm_options {
  float decay = 0.999f;
  bool center = true;  ///< has beta
  bool scale = false;  ///< has gamma
  float epsilon = 0.001f;
  bool train = true;       ///< batch statistics while training; false: the moving averages, which then stay
  bool freezable = false;  ///< ssd.freeze_batchnorm acts on it; as in the API not where conv_hyperparams rule

  static constexpr void fields(auto& o, auto&& field) {
    field("decay", o.decay);
    field("center", o.center);
    field("scale", o.scale);
    field("epsilon", o.epsilon);
    field("train", o.train);
  }
};

/// Group normalization (Wu and He, arXiv:1803.08494) as slim's convolutions get it: 32 groups, with gamma and beta.
struct group_norm_options {
  int groups = 32;
  float epsilon = 1e-6f;
};

/// Initializer, regularizer, activation and normalization of a group of convolutions. A convolution has biases only
/// where it has no norm. Defaults are the sample configs'.
struct hyperparams {
  initializer weights = initializer::truncated_normal(0.03f);
  regularizer penalty = regularizer::l2(4e-5f);
  activation act = activation::relu_6;
  bool has_batch_norm = true;
  batch_norm_options norm{.decay = 0.9997f, .scale = true};
  bool has_group_norm = false;

  constexpr bool normalizes() const { return has_batch_norm || has_group_norm; }

  /// Reads a `hyperparams` message.
  static hyperparams from(const settings& message) { return read(message, "CONV"); }

 protected:
  static hyperparams read(const settings& message, std::string_view wanted) {
    hyperparams h;
    message.read = true;
    h.weights = initializer_from(message.at("initializer"));
    h.penalty = regularizer_from(message.at("regularizer"));
    const auto name = message.get<std::string>("activation");
    if (name == "NONE")
      h.act = activation::none;
    else if (name == "RELU")
      h.act = activation::relu;
    else if (name == "RELU_6")
      h.act = activation::relu_6;
    else if (name == "SWISH")
      h.act = activation::silu;
    else
      fail(message.at("activation").where(), name, " is not available; there are NONE, RELU, RELU_6, SWISH");
    if (const auto op = message.get<std::string>("op"); op != wanted)
      fail(message.at("op").where(), op, " does not fit here; ",
           wanted == "CONV" ? "convolutions" : "fully connected layers", " need ", wanted);
    h.has_batch_norm = message.has("batch_norm");
    if (h.has_batch_norm) h.norm = read_options<batch_norm_options>(message.at("batch_norm"));
    h.has_group_norm = message.has("group_norm");
    if (h.has_group_norm) message.at("group_norm").read = true;
    if (const settings* depthwise = message.find("regularize_depthwise")) depthwise->accept();
    return h;
  }
};

/// Those of convolutions that a config may do without.
struct optional_hyperparams : hyperparams {
  bool given = false;

  static optional_hyperparams from(const settings& message) {
    return message.set ? optional_hyperparams{hyperparams::from(message), true} : optional_hyperparams{};
  }
};

/// Those of fully connected layers, where the API's defaults are Faster R-CNN's sample configs'.
struct fc_hyperparams : hyperparams {
  constexpr fc_hyperparams()
      : hyperparams{.weights = initializer::variance_scaling(1, fan_mode::fan_avg, true),
                    .penalty = {},
                    .act = activation::none,
                    .has_batch_norm = false} {}

  static fc_hyperparams from(const settings& message) {
    fc_hyperparams h;
    if (message.set) static_cast<hyperparams&>(h) = read(message, "FC");
    return h;
  }
};

}  // namespace odt
