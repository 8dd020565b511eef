// SPDX-License-Identifier: MIT
// For other .ipp files of this room: what a format that decodes boxes itself is not asked for.
#pragma once

#include <odt/core/error.hpp>
#include <odt/detectors/graph_writer.hpp>

#include <span>
#include <string_view>
#include <vector>

namespace odt::detail::exporting {

class decoding_writer : public graph_writer {
 public:
  bool decodes() const final { return true; }

  graph_tensor constant(const std::vector<int>&, std::span<const float>) final { refuse("constants"); }
  std::vector<graph_tensor> split(const graph_tensor&, int) final { refuse("columns"); }
  graph_tensor join(std::span<const graph_tensor>) final { refuse("columns"); }
  graph_tensor slice(const graph_tensor&, int, int) final { refuse("columns"); }
  graph_tensor repeat(const graph_tensor&, int, int) final { refuse("rows"); }
  graph_tensor fold(const graph_tensor&, int) final { refuse("rows"); }
  graph_tensor lay(const graph_tensor&, std::span<const boxf>, size2) final { refuse("boxes"); }
  graph_tensor of_best_class(const graph_tensor&, const graph_tensor&, int) final { refuse("boxes"); }
  graph_tensor of_class(const graph_tensor&, const graph_tensor&, int, int, size2) final { refuse("masks"); }
  graph_detections suppress(const graph_candidates&, const non_max_suppression_options&) final { refuse("boxes"); }
  void output(std::string_view name, const graph_tensor&, const std::vector<int>&) final { refuse(name); }

 protected:
  [[noreturn]] static void refuse(std::string_view what) {
    fail("a detector that makes ", what,
         " of its predictions by itself cannot be exported to a format that decodes them; an SSD can");
  }
};

}  // namespace odt::detail::exporting
