// SPDX-License-Identifier: MIT
// A tensor that formulas take for a number: what is written once for every scalar type (box coders, boxes) becomes
// nodes of a graph.
#pragma once

#include <odt/detectors/graph_writer.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace odt {

/// A number, or a tensor of a graph; every operation with a tensor in it writes a node.
class graph_scalar {
 public:
  graph_scalar() = default;
  explicit graph_scalar(float number) : number_(number) {}
  explicit graph_scalar(double number) : number_(static_cast<float>(number)) {}
  explicit graph_scalar(int number) : number_(static_cast<float>(number)) {}
  graph_scalar(graph_writer& graph, graph_tensor tensor) : graph_(&graph), tensor_(std::move(tensor)) {}

  const graph_tensor& tensor() const { return tensor_; }

  friend graph_scalar operator+(const graph_scalar& a, const graph_scalar& b) {
    return call(graph_function::add, a, b, a.number_ + b.number_);
  }
  friend graph_scalar operator-(const graph_scalar& a, const graph_scalar& b) {
    return call(graph_function::subtract, a, b, a.number_ - b.number_);
  }
  friend graph_scalar operator*(const graph_scalar& a, const graph_scalar& b) {
    return call(graph_function::multiply, a, b, a.number_ * b.number_);
  }
  friend graph_scalar operator/(const graph_scalar& a, const graph_scalar& b) {
    return call(graph_function::divide, a, b, a.number_ / b.number_);
  }
  friend graph_scalar operator-(const graph_scalar& a) { return call(graph_function::negate, a, -a.number_); }
  friend graph_scalar min(const graph_scalar& a, const graph_scalar& b) {
    return call(graph_function::minimum, a, b, std::min(a.number_, b.number_));
  }
  friend graph_scalar max(const graph_scalar& a, const graph_scalar& b) {
    return call(graph_function::maximum, a, b, std::max(a.number_, b.number_));
  }
  friend graph_scalar exp(const graph_scalar& a) { return call(graph_function::exponential, a, std::exp(a.number_)); }
  friend graph_scalar log(const graph_scalar& a) { return call(graph_function::logarithm, a, std::log(a.number_)); }
  friend graph_scalar positive(const graph_scalar& a) {
    return call(graph_function::positive, a, a.number_ > 0 ? 1.0f : 0.0f);
  }
  friend graph_scalar sqrt(const graph_scalar& a) { return call(graph_function::square_root, a, std::sqrt(a.number_)); }

 private:
  static graph_scalar call(graph_function f, const graph_scalar& a, float number) {
    return a.graph_ ? graph_scalar{*a.graph_, a.graph_->apply(f, a.tensor_)} : graph_scalar{number};
  }
  static graph_scalar call(graph_function f, const graph_scalar& a, const graph_scalar& b, float number) {
    graph_writer* const graph = a.graph_ ? a.graph_ : b.graph_;
    if (!graph) return graph_scalar{number};
    return {*graph, graph->apply(f, a.in(*graph), b.in(*graph))};
  }

  graph_tensor in(graph_writer& graph) const { return graph_ ? tensor_ : graph.constant({}, std::array{number_}); }

  graph_writer* graph_ = nullptr;
  graph_tensor tensor_{};
  float number_ = 0;
};

}  // namespace odt
