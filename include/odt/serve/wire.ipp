// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/serve/wire.hpp>

#include <odt/serving.pb.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace odt::serve {

namespace detail::wire {

namespace pb = proto::serving;

template <class Message>
Message parsed(std::string_view bytes, std::string_view what) {
  Message message;
  if (bytes.size() > std::numeric_limits<int>::max() ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    refuse(code::invalid_argument, "these bytes are no ", what);
  return message;
}

ODT_INLINE model_choice choice_of(const pb::ModelSpec& spec) {
  if (spec.name().empty()) refuse(code::invalid_argument, "Missing ModelSpec: it has no name");
  model_choice choice{.name = spec.name()};
  if (spec.has_version()) choice.version = spec.version().value();
  if (spec.version_choice_case() == pb::ModelSpec::kVersionLabel) choice.label = spec.version_label();
  return choice;
}

/// Elements of a shape; refused where they are more than `most` or an extent is open.
ODT_INLINE std::int64_t elements_of(const std::vector<std::int64_t>& shape, std::int64_t most) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0 || extent > most) return -1;
    count *= extent;
    if (count > most) return -1;
  }
  return count;
}

ODT_INLINE float half_value(std::uint32_t bits) {
  const std::uint32_t sign = (bits & 0x8000u) << 16, exponent = bits >> 10 & 31, fraction = bits & 0x3ff;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent == 0) {
    const float small = std::ldexp(static_cast<float>(fraction), -24);
    return sign ? -small : small;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

/// Typed values, of which the last stands for all that are missing; only for few, since a small request could otherwise
/// take much memory.
template <class T, class Values, class Convert>
std::vector<T> typed(const Values& values, std::size_t count, std::string_view name, Convert convert) {
  const auto given = static_cast<std::size_t>(values.size());
  constexpr std::size_t most_repeated = 1 << 20;
  if (given > count || (given == 0 && count > 0) || (given < count && count > most_repeated))
    refuse(code::invalid_argument, name, ": has ", given, " values for a shape of ", count);
  std::vector<T> out(count);
  for (std::size_t i = 0; i < given; ++i) out[i] = convert(values[static_cast<int>(i)]);
  if (given > 0) std::fill(out.begin() + static_cast<std::ptrdiff_t>(given), out.end(), out[given - 1]);
  return out;
}

template <class Stored, class T, class Convert>
std::vector<T> raw(const std::string& content, std::size_t count, std::string_view name, Convert convert) {
  if (content.size() != count * sizeof(Stored))
    refuse(code::invalid_argument, name, ": tensor_content has ", content.size(), " bytes for a shape of ", count,
           " elements of ", sizeof(Stored), " bytes");
  std::vector<T> out(count);
  if constexpr (std::is_same_v<Stored, T>) {
    std::memcpy(out.data(), content.data(), content.size());
  } else {
    for (std::size_t i = 0; i < count; ++i) {
      Stored value;
      std::memcpy(&value, content.data() + i * sizeof(Stored), sizeof value);
      out[i] = convert(value);
    }
  }
  return out;
}

template <class Stored, class T, class Values>
std::vector<T> values_of(const pb::Tensor& from, const Values& values, std::size_t count, std::string_view name) {
  const auto convert = [](auto value) { return static_cast<T>(value); };
  if (!from.tensor_content().empty()) return raw<Stored, T>(from.tensor_content(), count, name, convert);
  return typed<T>(values, count, name, convert);
}

ODT_INLINE tensor_values values_of(const pb::Tensor& from, std::size_t count, const std::string& name) {
  switch (from.dtype()) {
    case 1:
      return values_of<float, float>(from, from.float_val(), count, name);
    case 2:
      return values_of<double, float>(from, from.double_val(), count, name);
    case 3:
      return values_of<std::int32_t, float>(from, from.int_val(), count, name);
    case 4:
      return values_of<std::uint8_t, std::uint8_t>(from, from.int_val(), count, name);
    case 5:
      return values_of<std::int16_t, float>(from, from.int_val(), count, name);
    case 6:
      return values_of<std::int8_t, float>(from, from.int_val(), count, name);
    case 7:
      if (!from.tensor_content().empty())
        refuse(code::invalid_argument, name, ": strings belong in string_val, not in tensor_content");
      return typed<std::string>(from.string_val(), count, name, [](const std::string& s) { return s; });
    case 9:
      return values_of<std::int64_t, float>(from, from.int64_val(), count, name);
    case 17:
      return values_of<std::uint16_t, float>(from, from.int_val(), count, name);
    case 19: {
      const auto convert = [](auto bits) { return half_value(static_cast<std::uint32_t>(bits) & 0xffff); };
      if (!from.tensor_content().empty()) return raw<std::uint16_t, float>(from.tensor_content(), count, name, convert);
      return typed<float>(from.half_val(), count, name, convert);
    }
    case 22:
      return values_of<std::uint32_t, float>(from, from.uint32_val(), count, name);
    case 23:
      return values_of<std::uint64_t, float>(from, from.uint64_val(), count, name);
    default:
      refuse(code::invalid_argument, name, ": values of dtype ", from.dtype(),
             " are not taken; pixels are DT_UINT8 (4) or DT_FLOAT (1), pictures DT_STRING (7)");
  }
}

ODT_INLINE tensor tensor_of(const pb::Tensor& from, const std::string& name) {
  constexpr std::int64_t most = 1 << 29;
  tensor out;
  for (const auto& dim : from.tensor_shape().dim()) out.shape.push_back(dim.size());
  if (from.tensor_shape().unknown_rank()) refuse(code::invalid_argument, name, ": its shape is not known");
  const std::int64_t count = elements_of(out.shape, most);
  if (count < 0) refuse(code::invalid_argument, name, ": the shape ", shape_text(out.shape), " is not taken");
  const bool text = from.dtype() == 7;
  if (text && count > 4096) refuse(code::invalid_argument, name, ": ", count, " strings are too many");
  out.values = values_of(from, static_cast<std::size_t>(count), name);
  return out;
}

ODT_INLINE predict_request request_of(const pb::PredictRequest& from) {
  predict_request request{.model = choice_of(from.model_spec()), .signature = from.model_spec().signature_name()};
  for (const auto& [name, value] : from.inputs()) request.inputs[name] = tensor_of(value, name);
  request.output_filter.assign(from.output_filter().begin(), from.output_filter().end());
  return request;
}

ODT_INLINE void describe(proto::TensorInfo& into, const tensor_description& from) {
  into.set_name(from.graph_name);
  into.set_dtype(static_cast<int>(from.type));
  for (const std::int64_t extent : from.shape) into.mutable_tensor_shape()->add_dim()->set_size(extent);
}

ODT_INLINE pb::SignatureDefMap signature_map(const output_layout& layout) {
  pb::SignatureDefMap map;
  for (const signature& one : signatures()) {
    auto& entry = (*map.mutable_signature_def())[one.name];
    entry.set_method_name(one.method);
    for (const auto& input : one.inputs) describe((*entry.mutable_inputs())[input.name], input);
    for (const auto& output : outputs_of(layout)) describe((*entry.mutable_outputs())[output.name], output);
  }
  return map;
}

}  // namespace detail::wire

ODT_INLINE predict_request parse_predict_request(std::string_view bytes) {
  namespace d = detail::wire;
  return d::request_of(d::parsed<d::pb::PredictRequest>(bytes, "PredictRequest"));
}

ODT_INLINE std::optional<predict_request> logged_request(std::string_view bytes) {
  namespace d = detail::wire;
  const auto log = d::parsed<d::pb::PredictionLog>(bytes, "PredictionLog");
  if (!log.has_predict_log()) return std::nullopt;
  return d::request_of(log.predict_log().request());
}

ODT_INLINE std::string serialize(const predict_response& response) {
  detail::wire::pb::PredictResponse out;
  out.mutable_model_spec()->set_name(response.model);
  out.mutable_model_spec()->mutable_version()->set_value(response.version);
  out.mutable_model_spec()->set_signature_name(response.signature);
  for (const auto& [name, from] : response.outputs) {
    auto& to = (*out.mutable_outputs())[name];
    to.set_dtype(static_cast<int>(element_type::float32));
    for (const std::int64_t extent : from.shape) to.mutable_tensor_shape()->add_dim()->set_size(extent);
    to.mutable_float_val()->Add(from.values.begin(), from.values.end());
  }
  return out.SerializeAsString();
}

ODT_INLINE std::string answer_metadata(std::string_view request, const models& all) {
  namespace d = detail::wire;
  const auto asked = d::parsed<d::pb::GetModelMetadataRequest>(request, "GetModelMetadataRequest");
  const model_choice choice = d::choice_of(asked.model_spec());
  if (asked.metadata_field().empty())
    refuse(code::invalid_argument, "GetModelMetadataRequest must specify at least one metadata_field");
  for (const std::string& field : asked.metadata_field())
    if (field != "signature_def")
      refuse(code::invalid_argument, "Metadata field ", field, " is not supported; signature_def is");
  const auto model = all.find(choice);
  d::pb::GetModelMetadataResponse response;
  response.mutable_model_spec()->set_name(model->model());
  response.mutable_model_spec()->mutable_version()->set_value(model->version());
  auto& any = (*response.mutable_metadata())["signature_def"];
  any.set_type_url("type.googleapis.com/tensorflow.serving.SignatureDefMap");
  any.set_value(d::signature_map(model->layout()).SerializeAsString());
  return response.SerializeAsString();
}

ODT_INLINE std::string answer_status(std::string_view request, const models& all) {
  namespace d = detail::wire;
  const auto asked = d::parsed<d::pb::GetModelStatusRequest>(request, "GetModelStatusRequest");
  d::pb::GetModelStatusResponse response;
  for (const version_status& one : all.versions(d::choice_of(asked.model_spec()))) {
    auto& to = *response.add_model_version_status();
    to.set_version(one.version);
    to.set_state(static_cast<int>(one.state));
    to.mutable_status()->set_error_code(static_cast<int>(one.how.what));
    to.mutable_status()->set_error_message(one.how.message);
  }
  return response.SerializeAsString();
}

ODT_INLINE std::string reload_response(const status& how) {
  detail::wire::pb::ReloadConfigResponse response;
  response.mutable_status()->set_error_code(static_cast<int>(how.what));
  response.mutable_status()->set_error_message(how.message);
  return response.SerializeAsString();
}

}  // namespace odt::serve
