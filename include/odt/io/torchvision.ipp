// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint_source.hpp>
#include <odt/io/tensor_values.hpp>
#include <odt/io/torchvision.hpp>
#include <odt/io/torchvision/mobilenet_v2.hpp>
#include <odt/io/torchvision/resnet.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace odt {

namespace detail::torchvision_weights {

using torchvision::architecture;
using torchvision::destination;
using torchvision::form;
using torchvision::layer;

inline constexpr std::array<double, 3> mean{0.485, 0.456, 0.406}, deviation{0.229, 0.224, 0.225};

/// A variable of slim's, and the layer that it is of.
struct part {
  enum class kind { weights, biases, gamma, beta, moving_mean, moving_variance };

  const layer* of = nullptr;
  kind what = kind::weights;
};

/// How an input of the first convolution follows from what the network here gets: there = here * scale + shift.
struct input_change {
  std::array<double, 3> scale{}, shift{};

  explicit input_change(const pixel_transform& pixels) {
    for (std::size_t c = 0; c < 3; ++c) {
      const double s = pixels.scale[c], t = pixels.shift[c];
      scale[c] = 1 / (255 * s * deviation[c]);
      shift[c] = -(t / (255 * s) + mean[c]) / deviation[c];
    }
  }
};

class slim_source : public checkpoint_source {
 public:
  slim_source(checkpoint_reader file, std::string prefix, architecture net, destination to)
      : file_(std::move(file)),
        names_(file_, std::move(prefix)),
        net_(std::move(net)),
        to_(std::move(to)),
        input_(to_.pixels.value_or(net_.pixels)) {
    check_complete();
    for (const layer& l : net_.layers)
      if (names_.has(l.there + ".weight")) add(l);
    std::ranges::sort(tensors_, {}, &tensor_info::name);
  }

  bool has_values() const override { return true; }

  void read(const tensor_info& tensor, std::span<std::byte> out) const override {
    const std::vector<double> values = values_of(tensor.name, parts_.at(tensor.name));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto value = static_cast<float>(values[i]);
      if (std::isfinite(values[i]) && !std::isfinite(value))
        fail(file_.prefix(), ": \"", tensor.name, "\" has the value ", values[i], ", too large for float32");
      std::memcpy(out.data() + i * sizeof value, &value, sizeof value);
    }
  }

 private:
  using kind = part::kind;

  const tensor_info& at(const std::string& name) const { return *names_.find(name); }
  std::vector<double> values(const std::string& name) const { return read_doubles(file_, at(name)); }

  /// Each tensor that the network has to have, under its name there.
  template <class Act>
  void for_each_tensor(const layer& l, Act&& act) const {
    act(l.there + ".weight");
    if (l.stored == form::classifier) act(l.there + ".bias");
    if (l.norm.empty()) return;
    for (const char* const end : {".weight", ".bias", ".running_mean", ".running_var"}) act(l.norm + end);
  }

  void check_complete() const {
    std::vector<std::string> missing;
    for (const layer& l : net_.layers)
      for_each_tensor(l, [&](const std::string& name) {
        if (!names_.has(name)) {
          if (l.stored != form::classifier || names_.has(l.there + ".weight"))
            missing.push_back(names_.prefix() + name);
        } else if (!is_floating(at(name).type)) {
          fail(file_.prefix(), ": \"", names_.prefix(), name, "\" is ", describe(at(name)), "; floats are expected");
        }
      });
    const std::size_t count = missing.size();
    if (count == 0) return;
    missing.resize(std::min<std::size_t>(count, 5));
    fail(file_.prefix(), ": looks like torchvision's ", net_.name, ", but ", count,
         " of its tensors are missing: ", join(missing, ", "), count > missing.size() ? ", ..." : "");
  }

  void add(const layer& l) {
    const std::string scope = str(net_.scope, "/", l.name);
    const auto shape = slim_shape(l);
    const std::int64_t outputs = l.stored == form::depthwise ? shape[2] : shape[3];
    put(scope + (l.stored == form::depthwise ? "/depthwise_weights" : "/weights"), shape, {&l, kind::weights});
    const auto vector = [&](const std::string& name, const std::string& there, kind what) {
      if (at(there).shape != std::vector{outputs})
        fail(file_.prefix(), ": \"", names_.prefix(), there, "\" is ", describe(at(there)), "; [", outputs,
             "] is expected");
      put(name, {outputs}, {&l, what});
    };
    if (l.stored == form::classifier) vector(scope + "/biases", l.there + ".bias", kind::biases);
    if (l.norm.empty()) return;
    vector(scope + "/BatchNorm/gamma", l.norm + ".weight", kind::gamma);
    vector(scope + "/BatchNorm/beta", l.norm + ".bias", kind::beta);
    vector(scope + "/BatchNorm/moving_mean", l.norm + ".running_mean", kind::moving_mean);
    vector(scope + "/BatchNorm/moving_variance", l.norm + ".running_var", kind::moving_variance);
  }

  std::vector<std::int64_t> slim_shape(const layer& l) const {
    const tensor_info& there = at(l.there + ".weight");
    const auto& s = there.shape;
    if (l.stored == form::classifier && s.size() == 2) return {1, 1, s[1], s[0]};
    if (l.stored == form::depthwise && s.size() == 4 && s[1] == 1) return {s[2], s[3], s[0], 1};
    const bool reads_image = &l == &net_.layers.front();
    if (l.stored == form::dense && s.size() == 4 && (!reads_image || s[1] == 3)) return {s[2], s[3], s[1], s[0]};
    constexpr std::string_view expected[] = {"[outputs, inputs, height, width]", "[channels, 1, height, width]",
                                             "[classes, inputs]"};
    fail(file_.prefix(), ": \"", there.name, "\" is ", describe(there), "; ",
         reads_image ? "[outputs, 3, height, width]" : expected[static_cast<int>(l.stored)], " is expected");
  }

  void put(const std::string& name, std::vector<std::int64_t> shape, part from) {
    tensor_info tensor{.name = name, .type = element_type::float32, .shape = std::move(shape)};
    tensor.bytes = tensor.elements() * sizeof(float);
    tensors_.push_back(std::move(tensor));
    parts_.emplace(name, from);
  }

  std::vector<double> values_of(const std::string& name, const part& p) const {
    switch (p.what) {
      case kind::weights:
        return weights(*p.of);
      case kind::biases:
        return values(p.of->there + ".bias");
      case kind::gamma:
        return gamma(*p.of, to_.epsilon ? to_.epsilon(name) : net_.epsilon);
      case kind::beta:
        return values(p.of->norm + ".bias");
      case kind::moving_mean:
        return moving_mean(*p.of);
      case kind::moving_variance:
        return values(p.of->norm + ".running_var");
    }
    return {};
  }

  /// From outputs first to outputs last; of the first convolution for the input here.
  std::vector<double> weights(const layer& l) const {
    const std::vector<double> from = values(l.there + ".weight");
    const auto& shape = at(l.there + ".weight").shape;
    const auto outputs = static_cast<std::size_t>(shape[0]), inputs = static_cast<std::size_t>(shape[1]);
    const std::size_t taps = from.size() / std::max<std::size_t>(outputs * inputs, 1);
    const bool reads_image = &l == &net_.layers.front();
    std::vector<double> to(from.size());
    for (std::size_t o = 0; o < outputs; ++o)
      for (std::size_t i = 0; i < inputs; ++i)
        for (std::size_t tap = 0; tap < taps; ++tap)
          to[(tap * inputs + i) * outputs + o] =
              from[(o * inputs + i) * taps + tap] * (reads_image ? input_.scale[i] : 1);
    return to;
  }

  std::vector<double> gamma(const layer& l, double epsilon) const {
    std::vector<double> scale = values(l.norm + ".weight");
    const std::vector<double> variance = values(l.norm + ".running_var");
    for (std::size_t c = 0; c < scale.size(); ++c) {
      if (variance[c] < 0)
        fail(file_.prefix(), ": \"", names_.prefix(), l.norm, ".running_var\" has the value ", variance[c]);
      if (epsilon != torchvision::norm_epsilon)
        scale[c] *= std::sqrt((variance[c] + epsilon) / (variance[c] + torchvision::norm_epsilon));
    }
    return scale;
  }

  std::vector<double> moving_mean(const layer& l) const {
    std::vector<double> means = values(l.norm + ".running_mean");
    if (&l != &net_.layers.front()) return means;
    const std::vector<double> kernel = values(l.there + ".weight");  // [outputs, 3, taps]
    const std::size_t taps = kernel.size() / std::max<std::size_t>(3 * means.size(), 1);
    for (std::size_t k = 0; k < kernel.size(); ++k) means[k / (3 * taps)] -= kernel[k] * input_.shift[k / taps % 3];
    return means;
  }

  checkpoint_reader file_;
  torchvision::tensor_names names_;
  architecture net_;
  destination to_;
  input_change input_;
  std::map<std::string, part> parts_;
};

/// What stands before `mark` in the names that end with it.
ODT_INLINE std::vector<std::string> prefixes(const checkpoint_reader& file, std::string_view mark) {
  std::vector<std::string> found;
  for (const tensor_info& tensor : file.tensors()) {
    if (!tensor.name.ends_with(mark)) continue;
    const std::string prefix = tensor.name.substr(0, tensor.name.size() - mark.size());
    if (prefix.empty() || prefix.ends_with('.')) found.push_back(prefix);
  }
  return found;
}

template <class Table>
bool recognize(const checkpoint_reader& file, std::string& prefix, architecture& net) {
  const auto found = prefixes(file, Table::mark);
  if (found.size() > 1)
    fail("has a network of torchvision's below several prefixes: ", join(found, ", "), "; save one of them alone");
  if (found.empty()) return false;
  prefix = found.front();
  net = Table::of(torchvision::tensor_names(file, prefix));
  return true;
}

}  // namespace detail::torchvision_weights

namespace torchvision {

ODT_INLINE bool is_torch(const checkpoint_reader& file) {
  const auto has_scope = [](const tensor_info& t) { return t.name.find('/') != t.name.npos; };
  return file.format() == checkpoint_format::torch ||
         (file.format() == checkpoint_format::safetensors && std::ranges::none_of(file.tensors(), has_scope));
}

ODT_INLINE classifier as_slim(const checkpoint_reader& file, const destination& to) {
  namespace d = detail::torchvision_weights;
  std::string prefix;
  architecture net;
  bool known = false;
  try {
    known = d::recognize<mobilenet_v2>(file, prefix, net) || d::recognize<resnet>(file, prefix, net);
  } catch (const error& wrong) {
    fail(file.prefix(), ": ", wrong.what());
  }
  if (!known) {
    std::vector<std::string> first;
    for (const tensor_info& tensor : file.tensors())
      if (first.size() < 3) first.push_back(tensor.name);
    fail(file.prefix(), ": is not torchvision's mobilenet_v2, resnet50, resnet101 or resnet152: none of its ",
         file.tensors().size(), " tensors (", join(first, ", "), ", ...) is called ", mobilenet_v2::mark, " or ",
         resnet::mark);
  }
  std::string name = net.name;
  auto source = std::make_shared<const d::slim_source>(file, std::move(prefix), std::move(net), to);
  return {checkpoint_reader(file.prefix(), file.path(), file.format(), std::move(source)), std::move(name)};
}

}  // namespace torchvision

}  // namespace odt
