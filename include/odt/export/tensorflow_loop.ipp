// SPDX-License-Identifier: MIT
// For other .ipp files of this room: a loop over images, of TensorFlow's operations for frames.
#pragma once

#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/export/tensorflow_graph.ipp>

#include <array>

namespace odt::detail::tensorflow {

ODT_INLINE graph_builder::tensor graph_builder::from_outside(const tensor& of, element_type type) {
  return add("Enter", "Enter", {of},
             {type_attribute("T", type), string_attribute("frame_name", frame_), attribute("is_constant", true),
              attribute("parallel_iterations", 32)});
}

ODT_INLINE std::vector<graph_builder::tensor> graph_builder::map(
    std::string_view name, const std::vector<typed>& over, const std::vector<element_type>& results,
    const std::function<std::vector<tensor>(const std::vector<tensor>&)>& body) {
  const std::string outer = scope_, whole = below_scope(free(name)), inner = whole + "/while";
  constexpr element_type index = element_type::int32, flow = element_type::float32;
  scope_ = whole;
  const tensor count = extent(over[0].name, over[0].type, 0);
  const auto array = [&](element_type type) {
    return add("TensorArrayV3", "TensorArray", {count},
               {type_attribute("dtype", type), any_shape_attribute("element_shape")});
  };
  const auto every = [&] {
    return add("Range", "range", {scalar("range/start", 0), count, scalar("range/delta", 1)},
               {type_attribute("Tidx", index)});
  };
  std::vector<tensor> sources, filled;
  for (const typed& t : over) {
    sources.push_back(array(t.type));
    filled.push_back(add("TensorArrayScatterV3", "TensorArrayScatterV3",
                         {sources.back(), every(), t.name, sources.back() + ":1"}, {type_attribute("T", t.type)}));
  }
  std::vector<typed> variables{{scalar("Const", 0), index}};
  std::vector<tensor> targets;
  for (const element_type type : results) {
    targets.push_back(array(type));
    variables.push_back({targets.back() + ":1", flow});
  }

  scope_ = inner;
  frame_ = str(inner, "/while_context");
  std::vector<tensor> merged, switched, current, next;
  for (const typed& v : variables) {
    const tensor entered = add("Enter", "Enter", {v.name},
                               {type_attribute("T", v.type), string_attribute("frame_name", frame_),
                                attribute("is_constant", false), attribute("parallel_iterations", 32)});
    next.push_back(str(inner, "/NextIteration", next.empty() ? "" : str("_", next.size())));
    merged.push_back(add("Merge", "Merge", {entered, next.back()}, {type_attribute("T", v.type), attribute("N", 2)}));
  }
  const tensor end = from_outside(count, index);
  const tensor goes_on =
      add("LoopCond", "LoopCond", {add("Less", "Less", {merged[0], end}, {type_attribute("T", index)})});
  for (std::size_t i = 0; i < variables.size(); ++i) {
    switched.push_back(add("Switch", "Switch", {merged[i], goes_on}, {type_attribute("T", variables[i].type)}));
    current.push_back(add("Identity", "Identity", {switched.back() + ":1"}, {type_attribute("T", variables[i].type)}));
  }
  control_ = current[0];
  std::vector<tensor> elements;
  for (std::size_t i = 0; i < over.size(); ++i)
    elements.push_back(add("TensorArrayReadV3", "TensorArrayReadV3",
                           {from_outside(sources[i], resource_type), current[0], from_outside(filled[i], flow)},
                           {type_attribute("dtype", over[i].type)}));
  const std::vector<tensor> made = body(elements);
  scope_ = inner;
  std::vector<tensor> updated{add("AddV2", "add", {current[0], scalar("add/y", 1)}, {type_attribute("T", index)})};
  for (std::size_t i = 0; i < results.size(); ++i)
    updated.push_back(add("TensorArrayWriteV3", "TensorArrayWriteV3",
                          {from_outside(targets[i], resource_type), current[0], made[i], current[i + 1]},
                          {type_attribute("T", results[i])}));
  control_.clear();
  std::vector<tensor> ended;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    add_named("NextIteration", next[i], {updated[i]}, std::array{type_attribute("T", variables[i].type)});
    ended.push_back(add("Exit", "Exit", {switched[i]}, {type_attribute("T", variables[i].type)}));
  }
  frame_.clear();
  scope_ = whole;
  std::vector<tensor> gathered;
  for (std::size_t i = 0; i < results.size(); ++i)
    gathered.push_back(add("TensorArrayGatherV3", "TensorArrayGatherV3", {targets[i], every(), ended[i + 1]},
                           {type_attribute("dtype", results[i]), any_shape_attribute("element_shape")}));
  scope_ = outer;
  return gathered;
}

}  // namespace odt::detail::tensorflow
