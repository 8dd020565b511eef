// SPDX-License-Identifier: MIT
// A tensor that formulas take for a number: what policies write once for every scalar type (losses, box coders,
// similarities, matchers, optimizers, activations) becomes operations of a module, element by element.
#pragma once

#include <odt/exec/pjrt/module_builder.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <string_view>
#include <utility>

namespace odt::pjrt {

/// Where a comparison of traced numbers holds.
class traced_condition {
 public:
  explicit traced_condition(bool known) : known_(known) {}
  traced_condition(module_builder& module, tensor where) : module_(&module), where_(std::move(where)) {}

  friend traced_condition operator&(const traced_condition& a, const traced_condition& b) {
    return call("and", a, b, a.known_ && b.known_);
  }
  friend traced_condition operator|(const traced_condition& a, const traced_condition& b) {
    return call("or", a, b, a.known_ || b.known_);
  }

 private:
  friend class traced;

  /// A known one decides, or leaves the decision to the other.
  static traced_condition call(std::string_view operation, const traced_condition& a, const traced_condition& b,
                               bool known) {
    if (a.module_ && b.module_) return {*a.module_, a.module_->binary(operation, a.where_, b.where_)};
    if (!a.module_ && !b.module_) return traced_condition{known};
    const traced_condition& open = a.module_ ? a : b;
    const bool other = a.module_ ? b.known_ : a.known_;
    return other == (operation == "and") ? open : traced_condition{other};
  }

  module_builder* module_ = nullptr;
  tensor where_{};
  bool known_ = false;
};

/// A number, or a tensor of a module; every operation with a tensor in it is written.
class traced {
 public:
  traced() = default;
  template <class Number>
    requires std::integral<Number> || std::floating_point<Number>
  explicit traced(Number number) : number_(static_cast<float>(number)) {}
  traced(module_builder& module, tensor value) : module_(&module), value_(std::move(value)) {}

  /// As a tensor of that module.
  tensor in(module_builder& module) const { return module_ ? value_ : module.number(number_); }

  friend traced operator+(const traced& a, const traced& b) { return call("add", a, b, a.number_ + b.number_); }
  friend traced operator-(const traced& a, const traced& b) { return call("subtract", a, b, a.number_ - b.number_); }
  friend traced operator*(const traced& a, const traced& b) { return call("multiply", a, b, a.number_ * b.number_); }
  friend traced operator/(const traced& a, const traced& b) { return call("divide", a, b, a.number_ / b.number_); }
  friend traced operator-(const traced& a) { return call("negate", a, -a.number_); }

  friend traced min(const traced& a, const traced& b) { return call("minimum", a, b, std::min(a.number_, b.number_)); }
  friend traced max(const traced& a, const traced& b) { return call("maximum", a, b, std::max(a.number_, b.number_)); }
  friend traced pow(const traced& a, const traced& b) { return call("power", a, b, std::pow(a.number_, b.number_)); }
  friend traced abs(const traced& a) { return call("abs", a, std::abs(a.number_)); }
  friend traced exp(const traced& a) { return call("exponential", a, std::exp(a.number_)); }
  friend traced log(const traced& a) { return call("log", a, std::log(a.number_)); }
  friend traced log1p(const traced& a) { return call("log_plus_one", a, std::log1p(a.number_)); }
  friend traced sqrt(const traced& a) { return call("sqrt", a, std::sqrt(a.number_)); }

  friend traced_condition operator<(const traced& a, const traced& b) {
    return compare("LT", a, b, a.number_ < b.number_);
  }
  friend traced_condition operator<=(const traced& a, const traced& b) {
    return compare("LE", a, b, a.number_ <= b.number_);
  }
  friend traced_condition operator>(const traced& a, const traced& b) {
    return compare("GT", a, b, a.number_ > b.number_);
  }
  friend traced_condition operator>=(const traced& a, const traced& b) {
    return compare("GE", a, b, a.number_ >= b.number_);
  }
  friend traced_condition operator==(const traced& a, const traced& b) {
    return compare("EQ", a, b, a.number_ == b.number_);
  }

  friend traced select(const traced_condition& condition, const traced& yes, const traced& no) {
    return choose(condition, yes, no);
  }

 private:
  static traced choose(const traced_condition& condition, const traced& yes, const traced& no) {
    if (!condition.module_) return condition.known_ ? yes : no;
    module_builder& m = *condition.module_;
    return {m, m.select(condition.where_, yes.in(m), no.in(m))};
  }
  static traced call(std::string_view operation, const traced& a, float number) {
    return a.module_ ? traced{*a.module_, a.module_->unary(operation, a.value_)} : traced{number};
  }
  static traced call(std::string_view operation, const traced& a, const traced& b, float number) {
    module_builder* const m = a.module_ ? a.module_ : b.module_;
    return m ? traced{*m, m->binary(operation, a.in(*m), b.in(*m))} : traced{number};
  }
  static traced_condition compare(std::string_view direction, const traced& a, const traced& b, bool known) {
    module_builder* const m = a.module_ ? a.module_ : b.module_;
    if (!m) return traced_condition{known};
    return {*m, m->compare(direction, a.in(*m), b.in(*m))};
  }

  module_builder* module_ = nullptr;
  tensor value_{};
  float number_ = 0;
};

}  // namespace odt::pjrt
