// SPDX-License-Identifier: MIT
#pragma once

#include <odt/config/range_table.hpp>
#include <odt/config/ranges.hpp>
#include <odt/core/target.hpp>

#include <odt/pipeline.pb.h>

#include <google/protobuf/descriptor.h>

#include <algorithm>

namespace odt {

namespace detail::ranges {

namespace pb = google::protobuf;

ODT_INLINE bool names(std::string_view fields, std::string_view field) {
  for (std::size_t at = fields.find(field); at != fields.npos; at = fields.find(field, at + 1)) {
    const std::size_t end = at + field.size();
    if ((at == 0 || fields[at - 1] == ' ') && (end == fields.size() || fields[end] == ' ')) return true;
  }
  return false;
}

ODT_INLINE bool is_number(const pb::FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_BOOL:
    case pb::FieldDescriptor::CPPTYPE_ENUM:
    case pb::FieldDescriptor::CPPTYPE_STRING:
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      return false;
    default:
      return true;
  }
}

/// What is wrong with one number, as a line; empty when it is well.
ODT_INLINE std::string wrong_number(const settings& scalar, const value_range& range) {
  const bool read = scalar.read;
  const auto value = scalar.as<double>();
  scalar.read = read;
  if (range.has(value)) return {};
  const char* what = value != value ? " is not a number" : value < range.high ? " is too small" : " is too large";
  const bool percentage = range.high == 1 && value > 1 && value <= 100;
  return str(scalar.where(), scalar.text, what, "; ", range.text(), " belongs here",
             percentage ? str(" (", scalar.text, " % is ", static_cast<float>(value / 100), ")") : "", "\n");
}

/// The lines of a message and all below it.
ODT_INLINE std::string wrong_numbers(const settings& node, const pb::Descriptor& message) {
  std::string lines;
  for (const settings& child : node.children) {
    const pb::FieldDescriptor& field = *message.FindFieldByName(child.name);
    const auto look_at = [&](const settings& one) {
      if (field.cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE)
        lines += wrong_numbers(one, *field.message_type());
      else if (is_number(field))
        lines += wrong_number(one, range_of(message.name(), field.name()).value_or(any));
    };
    if (!child.set) continue;
    if (field.is_repeated())
      std::ranges::for_each(child.children, look_at);
    else
      look_at(child);
  }
  return lines;
}

}  // namespace detail::ranges

ODT_INLINE std::string value_range::text() const {
  const bool above = low > -std::numeric_limits<double>::infinity();
  const bool below = high < std::numeric_limits<double>::infinity();
  if (!above && !below) return "a finite number";
  if (!below) return str(above_low ? "more than " : "at least ", low);
  return above_low ? str("more than ", low, " and at most ", high) : str("a number from ", low, " to ", high);
}

ODT_INLINE std::optional<value_range> range_of(std::string_view message, std::string_view field) {
  for (const auto& rule : detail::ranges::rules)
    if (rule.message == message && detail::ranges::names(rule.fields, field)) return rule.range;
  return std::nullopt;
}

ODT_INLINE void check_ranges(const settings& root) {
  std::string lines = detail::ranges::wrong_numbers(root, *proto::TrainEvalPipelineConfig::descriptor());
  if (lines.empty()) return;
  lines.pop_back();
  throw error(lines);
}

}  // namespace odt
