// SPDX-License-Identifier: MIT
// Protobuf's text format, as pipeline.config is written in it: what is read, where it stood, and messages for people.
#pragma once

#include <odt/core/settings.hpp>

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace google::protobuf {
class Message;
}

namespace odt {

/// To whom wrote a Windows path in quotes.
inline constexpr std::string_view backslash_advice = "a backslash begins an escape in a quoted string; write / or \\\\";

/// Where each field was given: its path ("eval_input_reader[0].shuffle") to "file:line:column", both from 1.
using field_places = std::map<std::string, std::string, std::less<>>;

/// Merges `text` into `message`: later scalars replace earlier ones, messages are merged, lists grow, and a member of a
/// oneof drops the others. Within one text a scalar given twice or two members of a oneof are warned about. `name` (the
/// file) starts the places. An error names line, column, the field's path and what would be right.
void merge_text(google::protobuf::Message& message, std::string_view text, std::string_view name, field_places& places);

/// Sets one scalar field (appends, where it is repeated) from its text; strings are taken as they are. `origin` is the
/// place that errors name and that the field gets.
void set_field(google::protobuf::Message& message, std::string_view field, std::string_view value,
               const std::string& path, std::string_view origin, field_places& places);

/// The tree of all fields of `message`, the unset ones with the schema's defaults; an unset field has the place of the
/// message around it. Floats are the shortest text that is the same float32.
settings settings_of(const google::protobuf::Message& message, const field_places& places, std::string_view name);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/config/text_format.ipp>
#endif
