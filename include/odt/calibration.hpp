// SPDX-License-Identifier: MIT
// From scores to probabilities, after the score converter and before suppression (the API's calibration_builder):
//
//   function_approximation:           y_i + (y_(i+1) - y_i) (s - x_i) / (x_(i+1) - x_i); outside, the nearest y
//   sigmoid_calibration:              1 / (1 + exp(a s + b))   (Platt, 1999)
//   temperature_scaling_calibration:  s / scaler
//
// There is one function for all columns of the scores, the background's among them, or one a class. The API has
// sigmoids in its schema only.
#pragma once

#include <odt/core/settings.hpp>
#include <odt/core/target.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

enum class calibration_kind : std::uint8_t { none, interpolation, sigmoid, temperature };

/// A point of a piecewise linear function; of a sigmoid, a and b; of a temperature, the scaler and nothing.
struct calibration_pair {
  float x = 0, y = 0;
};

/// Between two points.
template <class T>
ODT_HD constexpr T interpolated_score(const T& score, const T& x0, const T& y0, const T& x1, const T& y1) {
  const T share = (score - x0) / (x1 - x0);
  return (T(1) - share) * y0 + share * y1;
}

template <class T>
ODT_HD constexpr T platt_score(const T& score, const T& a, const T& b) {
  using std::exp;
  return T(1) / (T(1) + exp(a * score + b));
}

/// A calibration as kernels read it, in a device's memory or the host's.
struct calibration_view {
  calibration_kind kind = calibration_kind::none;
  bool by_class = false;
  int functions = 0;            ///< by class: of the first columns
  const int* begins = nullptr;  ///< [functions + 1] in `pairs`; a function without any leaves scores as they are
  const calibration_pair* pairs = nullptr;

  /// The probability that a score of that column of the predictions stands for.
  ODT_HD constexpr float operator()(float score, int column) const {
    const int function = by_class ? column : 0;
    if (function >= functions) return score;
    const calibration_pair *const first = pairs + begins[function], *const end = pairs + begins[function + 1];
    if (first == end) return score;
    switch (kind) {
      case calibration_kind::interpolation:
        return interpolate(score, first, end);
      case calibration_kind::sigmoid:
        return platt_score(score, first->x, first->y);
      case calibration_kind::temperature:
        return score / first->x;
      default:
        return score;
    }
  }

 private:
  ODT_HD static constexpr float interpolate(float score, const calibration_pair* first, const calibration_pair* end) {
    if (score != score) return score;
    const calibration_pair *low = first, *high = end;  // the first point above the score lies in [low, high]
    while (low != high) {
      const calibration_pair* const middle = low + (high - low) / 2;
      if (score < middle->x)
        high = middle;
      else
        low = middle + 1;
    }
    if (low == first) return first->y;
    if (low == end) return end[-1].y;
    return interpolated_score(score, low[-1].x, low[-1].y, low->x, low->y);
  }
};

/// `post_processing.calibration_config`.
struct calibration_options {
  calibration_kind kind = calibration_kind::none;
  bool by_class = false;
  std::vector<calibration_pair> pairs;
  std::vector<int> begins;  ///< see calibration_view; empty without a calibration

  explicit operator bool() const { return kind != calibration_kind::none; }

  /// In the host's memory; the options must outlive it.
  calibration_view view() const {
    return {kind, by_class, *this ? static_cast<int>(begins.size()) - 1 : 0, begins.data(), pairs.data()};
  }

  std::string_view name() const;  ///< in pipeline.config
  std::string summary() const;    ///< "a -1, b 0", "12 points", "3 classes"

  /// Reads the message of a detector whose predictions have so many columns; one that the file leaves out gives none.
  /// The ids of classes are numbers of columns, as in the API: 0 is the background where there is one. Functions that
  /// fall somewhere are refused: they would put worse boxes before better ones.
  static calibration_options from(const settings& message, int columns);
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/calibration.ipp>
#endif
