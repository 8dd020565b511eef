// SPDX-License-Identifier: MIT
// What a run asks of export/, which lies above this room: the program that starts the run brings it.
#pragma once

#include <odt/detector.hpp>

#include <functional>
#include <string>

namespace odt {

/// Either may be left out.
struct export_hooks {
  /// The bytes of a TensorFlow GraphDef of the detector's inference, for TensorBoard's page of graphs; empty: it has
  /// none.
  std::function<std::string(detector&)> graph{};
  /// Exports the best checkpoint of a model_dir, which has just changed.
  std::function<void(const std::string& model_dir)> best{};
};

}  // namespace odt
