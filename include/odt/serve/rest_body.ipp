// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/serve/json.hpp>
#include <odt/serve/rest_body.hpp>
#include <odt/serve/signature.hpp>
#include <odt/serve/status.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace odt::serve {

namespace detail::rest {

using kind = json_value::kind;

/// {"b64": "..."}, with that one key alone.
ODT_INLINE bool is_bytes(const json_value& value) {
  return value.what == kind::object && value.object.size() == 1 && value.object.front().first == "b64" &&
         value.object.front().second.what == kind::text;
}

ODT_INLINE bool is_string(const json_value& value) { return value.what == kind::text || is_bytes(value); }

ODT_INLINE std::string string_of(json_value& value) {
  return value.what == kind::text ? std::move(value.text) : decode_base64(value.object.front().second.text);
}

/// A value with all its extents.
ODT_INLINE tensor tensor_of(json_value& value, const std::string& name) {
  if (is_string(value)) return {{}, std::vector<std::string>{string_of(value)}};
  if (value.what == kind::number) return {{}, std::vector<float>{static_cast<float>(value.number)}};
  if (value.what == kind::numbers) return {std::move(value.shape), std::move(value.numbers)};
  if (value.what != kind::list || !std::ranges::all_of(value.list, is_string))
    refuse(code::invalid_argument, "JSON Value for \"", name,
           "\" is neither numbers in lists that are all of one length, nor strings");
  std::vector<std::string> strings;
  for (json_value& one : value.list) strings.push_back(string_of(one));
  return {{static_cast<std::int64_t>(strings.size())}, std::move(strings)};
}

/// Appends one row's value to the rows before it.
ODT_INLINE void append(tensor& all, tensor row, const std::string& name) {
  if (all.shape.empty()) {
    all = std::move(row);
    all.shape.insert(all.shape.begin(), 1);
    return;
  }
  const bool alike =
      all.values.index() == row.values.index() && std::ranges::equal(std::span(all.shape).subspan(1), row.shape);
  if (!alike)
    refuse(code::invalid_argument, "Failed to process element: ", all.shape[0], " of 'instances' list. \"", name,
           "\" has the shape ", shape_text(row.shape), ", the rows before it have ",
           shape_text({all.shape.begin() + 1, all.shape.end()}), "; all rows are alike");
  std::visit(
      [&](auto& values) {
        auto& more = std::get<std::remove_reference_t<decltype(values)>>(row.values);
        values.insert(values.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
      },
      all.values);
  ++all.shape[0];
}

/// Rows of one unnamed input, or of objects with their names.
ODT_INLINE input_tensors from_rows(json_value& instances, const std::string& unnamed) {
  input_tensors inputs;
  if (instances.what == kind::numbers && !instances.shape.empty() && instances.shape[0] > 0) {
    inputs[unnamed] = tensor_of(instances, unnamed);
    return inputs;
  }
  if (instances.what != kind::list)
    refuse(code::invalid_argument, "Request 'instances' must be a list of rows, with one at least");
  for (json_value& row : instances.list) {
    const bool named = row.what == kind::object && !is_bytes(row);
    if (!named) {
      append(inputs[unnamed], tensor_of(row, unnamed), unnamed);
      continue;
    }
    if (row.object.empty()) refuse(code::invalid_argument, "a row of 'instances' has no input");
    for (auto& [name, value] : row.object) append(inputs[name], tensor_of(value, name), name);
  }
  for (const auto& [name, value] : inputs)
    if (!std::cmp_equal(value.shape[0], instances.list.size()))
      refuse(code::invalid_argument, "\"", name, "\" is in ", value.shape[0], " of ", instances.list.size(),
             " rows of 'instances'; all rows have the same inputs");
  return inputs;
}

ODT_INLINE input_tensors from_columns(json_value& columns, const std::string& unnamed) {
  input_tensors inputs;
  if (columns.what == kind::object && !is_bytes(columns)) {
    for (auto& [name, value] : columns.object) inputs[name] = tensor_of(value, name);
    return inputs;
  }
  inputs[unnamed] = tensor_of(columns, unnamed);
  return inputs;
}

/// Row i of an output, or with i < 0 all of it.
ODT_INLINE void append_output(std::string& out, const output_tensor& from, std::int64_t i) {
  if (i < 0) return append_json(out, from.values.data(), from.shape.data(), from.shape.size());
  std::int64_t size = 1;
  for (std::size_t k = 1; k < from.shape.size(); ++k) size *= from.shape[k];
  append_json(out, from.values.data() + i * size, from.shape.data() + 1, from.shape.size() - 1);
}

ODT_INLINE void append_outputs(std::string& out, const output_tensors& all, std::int64_t i) {
  if (all.size() == 1) return append_output(out, all.begin()->second, i);
  out += '{';
  for (const auto& [name, from] : all) {
    if (out.back() != '{') out += ", ";
    append_json(out, name);
    out += ": ";
    append_output(out, from, i);
  }
  out += '}';
}

ODT_INLINE std::string_view dtype_name(element_type type) {
  return type == element_type::uint8 ? "DT_UINT8" : type == element_type::string ? "DT_STRING" : "DT_FLOAT";
}

ODT_INLINE std::string describe(const std::vector<tensor_description>& all) {
  std::string out;
  for (const tensor_description& one : all) {
    std::string dims;
    for (const std::int64_t extent : one.shape)
      dims += str(dims.empty() ? "" : ", ", "{\"size\": \"", extent, "\", \"name\": \"\"}");
    out += str(out.empty() ? "" : ", ", "\"", one.name, "\": {\"dtype\": \"", dtype_name(one.type),
               "\", \"tensor_shape\": {\"dim\": [", dims, "], \"unknown_rank\": false}, \"name\": \"", one.graph_name,
               "\"}");
  }
  return str("{", out, "}");
}

ODT_INLINE std::string quoted(std::string_view text) {
  std::string out;
  append_json(out, text);
  return out;
}

}  // namespace detail::rest

ODT_INLINE rest_request parse_rest_request(std::string_view body) {
  namespace d = detail::rest;
  json_value document = parse_json(body);
  if (document.what != d::kind::object) refuse(code::invalid_argument, "JSON body must be an object");
  rest_request request;
  if (const json_value* name = document.find("signature_name")) {
    if (name->what != d::kind::text) refuse(code::invalid_argument, "'signature_name' key must be a string value.");
    request.asked.signature = name->text;
  }
  if (json_value* filter = document.find("output_filter")) {
    const tensor names = d::tensor_of(*filter, "output_filter");
    if (names.strings()) request.asked.output_filter = std::get<std::vector<std::string>>(names.values);
  }
  const std::string& unnamed = find_signature(request.asked.signature).inputs.front().name;
  json_value *const instances = document.find("instances"), *const inputs = document.find("inputs");
  if (instances && inputs)
    refuse(code::invalid_argument,
           "Not formatted correctly expecting only one of 'instances' or 'inputs' keys to exist ");
  if (!instances && !inputs) refuse(code::invalid_argument, "Missing 'inputs' or 'instances' key");
  request.rows = instances;
  request.asked.inputs = instances ? d::from_rows(*instances, unnamed) : d::from_columns(*inputs, unnamed);
  return request;
}

ODT_INLINE std::string rest_response(const predict_response& response, bool rows) {
  namespace d = detail::rest;
  std::string out = rows ? "{\n    \"predictions\": [" : "{\n    \"outputs\": ";
  if (!rows) d::append_outputs(out, response.outputs, -1);
  const std::int64_t count = response.outputs.empty() ? 0 : response.outputs.begin()->second.shape[0];
  for (std::int64_t i = 0; rows && i < count; ++i) {
    if (i > 0) out += ",\n        ";
    d::append_outputs(out, response.outputs, i);
  }
  return out + (rows ? "\n    ]\n}" : "\n}");
}

ODT_INLINE std::string rest_status(const std::vector<version_status>& versions) {
  namespace d = detail::rest;
  std::string list;
  for (const version_status& one : versions)
    list += str(list.empty() ? "" : ",", "\n  {\n   \"version\": \"", one.version, "\",\n   \"state\": \"",
                name_of(one.state), "\",\n   \"status\": {\n    \"error_code\": \"", name_of(one.how.what),
                "\",\n    \"error_message\": ", d::quoted(one.how.message), "\n   }\n  }");
  return str("{\n \"model_version_status\": [", list, "\n ]\n}\n");
}

ODT_INLINE std::string rest_metadata(const servable& of) {
  namespace d = detail::rest;
  std::string all;
  const std::string outputs = d::describe(outputs_of(of.layout()));
  for (const signature& one : signatures())
    all += str(all.empty() ? "" : ", ", "\"", one.name, "\": {\"inputs\": ", d::describe(one.inputs),
               ", \"outputs\": ", outputs, ", \"method_name\": \"", one.method, "\"}");
  return str("{\n\"model_spec\":{\n \"name\": ", d::quoted(of.model()),
             ",\n \"signature_name\": \"\",\n \"version\": \"", of.version(),
             "\"\n}\n,\n\"metadata\": {\"signature_def\": {\n \"signature_def\": {", all, "}\n}\n}\n}\n");
}

}  // namespace odt::serve
