// SPDX-License-Identifier: MIT
#pragma once

#include <odt/config/text_format.hpp>
#include <odt/core/closest.hpp>
#include <odt/core/log.hpp>
#include <odt/io/unicode.hpp>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>

#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace odt {

namespace detail::text_format {

namespace pb = google::protobuf;

/// Fields of old files that the schema dropped, with the one value that is harmless.
struct removed_field {
  std::string_view message, field, harmless, advice;
};

inline constexpr std::array removed_fields{
    removed_field{"SsdFeatureExtractor", "batch_norm_trainable", "true",
                  "\"model { ssd { freeze_batchnorm: true } }\" says it today"},
};

/// One text, read from front to back into a message.
class parser final : public pb::io::ErrorCollector {
 public:
  using tokenizer = pb::io::Tokenizer;
  using token = tokenizer::Token;

  /// `numbered`: places have lines and columns.
  parser(std::string_view text, std::string_view name, field_places& places, bool numbered = true)
      : text_(text),
        name_(name),
        numbered_(numbered),
        places_(places),
        stream_(text.data(), static_cast<int>(text.size())),
        tokens_(&stream_, this) {
    tokens_.set_comment_style(tokenizer::SH_COMMENT_STYLE);
    tokens_.set_allow_f_after_float(true);
    tokens_.set_require_space_after_number(false);
    next();
  }

  /// The fields up to `close`, or up to the end of the text when it is empty.
  void fields(pb::Message& message, const std::string& path, std::string_view close, const token& open) {
    while (close.empty() ? !at_end() : !is(close)) {
      if (at_end()) expected(path, str('"', close, "\", which closes the \"", open.text, "\" of ", place(open)));
      field(message, path);
    }
  }

#if GOOGLE_PROTOBUF_VERSION >= 4022000
  void RecordError(int line, pb::io::ColumnNumber column, absl::string_view message) override {
#else
  void AddError(int line, pb::io::ColumnNumber column, const std::string& message) override {
#endif
    if (!lexical_error_)
      lexical_error_ = str(place(line, column), ": ", at_field_, at_field_.empty() ? "" : ": ",
                           advice(offset_of(line, column).first, std::string_view(message)));
  }

  const token& current() const { return tokens_.current(); }

  /// The whole text as the value of one field.
  void only_value(pb::Message& message, const pb::FieldDescriptor& field, const std::string& path) {
    scalar(message, field, path);
    if (!at_end()) expected(path, "nothing after the value");
  }

 private:
  void next() {
    tokens_.Next();
    if (lexical_error_) throw error(*lexical_error_);
  }

  bool at_end() const { return current().type == tokenizer::TYPE_END; }
  bool is(std::string_view symbol) const {
    return current().type != tokenizer::TYPE_STRING && current().text == symbol;
  }
  bool take(std::string_view symbol) {
    if (!is(symbol)) return false;
    next();
    return true;
  }

  std::string place(const token& t) const { return place(t.line, t.column); }

  /// The offset of a place of the tokenizer, whose columns count tabs as up to eight, and an editor's column, from 0.
  std::pair<std::size_t, int> offset_of(int line, int column) const {
    std::size_t at = 0;
    for (int i = 0; i < line; ++i) at = text_.find('\n', at) + 1;
    int characters = 0;
    for (int seen = 0; seen < column && at < text_.size(); ++at, ++characters)
      seen += text_[at] == '\t' ? 8 - seen % 8 : 1;
    return {at, characters};
  }

  std::string place(int line, int column) const {
    if (!numbered_) return std::string(name_);
    return str(name_, ":", line + 1, ":", offset_of(line, column).second + 1);
  }

  /// What the tokenizer says, in words that help.
  std::string advice(std::size_t offset, std::string_view message) const {
    if (std::string about = character_advice(text_, offset); !about.empty()) return about;
    if (message.find("escape") != std::string_view::npos) return std::string(backslash_advice);
    return std::string(message);
  }

  std::string found() const { return at_end() ? "the end of the text" : str('"', current().text, '"'); }

  [[noreturn]] void expected(const std::string& path, std::string_view what) const {
    fail(place(current()), ": ", path, path.empty() ? "" : ": ", "expected ", what, ", found ", found());
  }

  void field(pb::Message& message, const std::string& path) {
    const token at = current();
    if (is("[")) fail(place(at), ": ", path, path.empty() ? "" : ": ", "extensions are not supported");
    if (at.type != tokenizer::TYPE_IDENTIFIER) expected(path, "the name of a field");
    const std::string full = path.empty() ? at.text : str(path, ".", at.text);
    at_field_ = full;
    const pb::FieldDescriptor* descriptor = message.GetDescriptor()->FindFieldByName(at.text);
    if (!descriptor) return unknown(message, full);
    next();
    const bool colon = take(":");
    if (!colon && descriptor->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) expected(full, "\":\"");
    if (descriptor->is_repeated() && take("[")) {
      while (!take("]")) {
        value(message, *descriptor, full, current());
        if (!take(",") && !is("]")) expected(full, "\",\" or \"]\"");
      }
    } else {
      value(message, *descriptor, full, at);
    }
    if (!take(";")) take(",");
  }

  void unknown(const pb::Message& message, const std::string& full) {
    const token at = current();
    const pb::Descriptor& descriptor = *message.GetDescriptor();
    for (const removed_field& old : removed_fields)
      if (std::string_view(descriptor.name()) == old.message && at.text == old.field) return removed(old, full);
    std::vector<std::string> names;
    for (int i = 0; i < descriptor.field_count(); ++i) names.emplace_back(descriptor.field(i)->name());
    const std::string near = closest(at.text, names);
    fail(place(at), ": ", full, ": there is no such field; ",
         near.empty() ? "here belong " + join(names, ", ") : "did you mean \"" + near + "\"?");
  }

  void removed(const removed_field& old, const std::string& full) {
    const std::string at = place(current());
    next();
    if (!take(":")) expected(full, "\":\"");
    if (!is(old.harmless)) fail(at, ": ", full, ": newer versions have no such field; remove it (", old.advice, ")");
    next();
    warn(at, ": ", full, ": newer versions have no such field; its value is the default, so it is left out");
    if (!take(";")) take(",");
  }

  void value(pb::Message& message, const pb::FieldDescriptor& field, const std::string& full, const token& at) {
    const pb::Reflection& access = *message.GetReflection();
    std::string path = full;
    if (field.is_repeated())
      path += str("[", access.FieldSize(message, &field), "]");
    else
      warn_of_replaced(message, field, full, at);
    places_[path] = place(at);
    if (field.cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) {
      const token open = current();
      const bool angle = is("<");
      if (!take(angle ? "<" : "{")) expected(path, "\"{\"");
      pb::Message& inner =
          field.is_repeated() ? *access.AddMessage(&message, &field) : *access.MutableMessage(&message, &field);
      fields(inner, path, angle ? ">" : "}", open);
      next();
    } else {
      scalar(message, field, path);
    }
  }

  void warn_of_replaced(const pb::Message& message, const pb::FieldDescriptor& field, const std::string& full,
                        const token& at) const {
    const pb::Reflection& access = *message.GetReflection();
    const auto earlier = [this](std::string_view path) {
      const auto it = places_.find(path);
      return it != places_.end() && it->second.starts_with(str(name_, ":")) ? it->second : std::string();
    };
    if (const pb::OneofDescriptor* group = field.containing_oneof()) {
      const pb::FieldDescriptor* old = access.GetOneofFieldDescriptor(message, group);
      if (!old || old == &field) return;
      const std::string parent = full.substr(0, full.size() - field.name().size());
      if (const std::string where = earlier(str(parent, std::string_view(old->name()))); !where.empty())
        warn(place(at), ": ", full, ": drops the \"", std::string_view(old->name()), "\" of ", where,
             "; only one of them can be given");
    } else if (field.cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE && access.HasField(message, &field)) {
      if (const std::string where = earlier(full); !where.empty())
        warn(place(at), ": ", full, ": replaces the value of ", where);
    }
  }

  void scalar(pb::Message& message, const pb::FieldDescriptor& field, const std::string& path) {
    const pb::Reflection& access = *message.GetReflection();
    const auto store = [&](auto set, auto add, auto read) {
      field.is_repeated() ? (access.*add)(&message, &field, read) : (access.*set)(&message, &field, read);
    };
    using r = pb::Reflection;
    switch (field.cpp_type()) {
      case pb::FieldDescriptor::CPPTYPE_INT32:
        return store(&r::SetInt32, &r::AddInt32, integer<std::int32_t>(path));
      case pb::FieldDescriptor::CPPTYPE_INT64:
        return store(&r::SetInt64, &r::AddInt64, integer<std::int64_t>(path));
      case pb::FieldDescriptor::CPPTYPE_UINT32:
        return store(&r::SetUInt32, &r::AddUInt32, integer<std::uint32_t>(path));
      case pb::FieldDescriptor::CPPTYPE_UINT64:
        return store(&r::SetUInt64, &r::AddUInt64, integer<std::uint64_t>(path));
      case pb::FieldDescriptor::CPPTYPE_FLOAT:
        return store(&r::SetFloat, &r::AddFloat, single(path));
      case pb::FieldDescriptor::CPPTYPE_DOUBLE:
        return store(&r::SetDouble, &r::AddDouble, number(path));
      case pb::FieldDescriptor::CPPTYPE_BOOL:
        return store(&r::SetBool, &r::AddBool, boolean(path));
      case pb::FieldDescriptor::CPPTYPE_ENUM:
        return store(&r::SetEnum, &r::AddEnum, enumerator(*field.enum_type(), path));
      default:
        break;
    }
    const std::string text = string(path);
    field.is_repeated() ? access.AddString(&message, &field, text) : access.SetString(&message, &field, text);
  }

  template <class Integer>
  Integer integer(const std::string& path) {
    using limits = std::numeric_limits<Integer>;
    const std::string at = place(current());
    const bool minus = take("-");
    if (current().type != tokenizer::TYPE_INTEGER) expected(path, "an integer");
    const std::uint64_t largest = static_cast<std::uint64_t>(limits::max());
    const std::uint64_t limit = !minus ? largest : limits::is_signed ? largest + 1 : 0;
    std::uint64_t magnitude = 0;
    if (!tokenizer::ParseInteger(current().text, limit, &magnitude))
      fail(at, ": ", path, ": ", minus ? "-" : "", current().text, " is out of range; expected an integer from ",
           limits::min(), " to ", limits::max());
    next();
    return static_cast<Integer>(minus ? 0 - magnitude : magnitude);
  }

  double number(const std::string& path) {
    const bool minus = take("-");
    double result = 0;
    std::string lower = current().text;
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool digits = current().type == tokenizer::TYPE_INTEGER || current().type == tokenizer::TYPE_FLOAT;
    if (digits && !lower.starts_with("0x"))
      result = tokenizer::ParseFloat(current().text);
    else if (current().type == tokenizer::TYPE_IDENTIFIER && (lower == "inf" || lower == "infinity" || lower == "inff"))
      result = std::numeric_limits<double>::infinity();
    else if (current().type == tokenizer::TYPE_IDENTIFIER && (lower == "nan" || lower == "nanf"))
      result = std::numeric_limits<double>::quiet_NaN();
    else
      expected(path, "a number");
    next();
    return minus ? -result : result;
  }

  float single(const std::string& path) {
    const token at = current();
    const double wide = number(path);
    if (std::isfinite(wide) && std::abs(wide) > static_cast<double>(std::numeric_limits<float>::max()))
      fail(place(at), ": ", path, ": ", wide, " is out of range for a 32-bit float");
    return static_cast<float>(wide);
  }

  bool boolean(const std::string& path) {
    for (const std::string_view yes : {"true", "True", "t", "1"})
      if (take(yes)) return true;
    for (const std::string_view no : {"false", "False", "f", "0"})
      if (take(no)) return false;
    expected(path, "true or false");
  }

  const pb::EnumValueDescriptor* enumerator(const pb::EnumDescriptor& values, const std::string& path) {
    const pb::EnumValueDescriptor* result = nullptr;
    if (current().type == tokenizer::TYPE_IDENTIFIER) {
      result = values.FindValueByName(current().text);
    } else if (current().type == tokenizer::TYPE_INTEGER) {
      std::uint64_t wanted = 0;
      if (tokenizer::ParseInteger(current().text, 0x7fffffff, &wanted))
        result = values.FindValueByNumber(static_cast<int>(wanted));
    }
    if (!result) {
      std::vector<std::string> names;
      for (int i = 0; i < values.value_count(); ++i) names.emplace_back(values.value(i)->name());
      expected(path, "one of " + join(names, ", "));
    }
    next();
    return result;
  }

  std::string string(const std::string& path) {
    if (current().type != tokenizer::TYPE_STRING) expected(path, "a quoted string");
    std::string result;
    for (; current().type == tokenizer::TYPE_STRING; next()) tokenizer::ParseStringAppend(current().text, &result);
    return result;
  }

  std::string_view text_;
  std::string_view name_;
  bool numbered_;
  field_places& places_;
  pb::io::ArrayInputStream stream_;
  mutable tokenizer tokens_;  // its current() is not const
  std::string at_field_;      // the path of the field that is read
  std::optional<std::string> lexical_error_;
};

ODT_INLINE std::string scalar_text(const pb::Message& message, const pb::FieldDescriptor& field, int index) {
  const pb::Reflection& access = *message.GetReflection();
  const auto read = [&](auto get, auto get_repeated) {
    return index < 0 ? (access.*get)(message, &field) : (access.*get_repeated)(message, &field, index);
  };
  using r = pb::Reflection;
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return str(read(&r::GetInt32, &r::GetRepeatedInt32));
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return str(read(&r::GetInt64, &r::GetRepeatedInt64));
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return str(read(&r::GetUInt32, &r::GetRepeatedUInt32));
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return str(read(&r::GetUInt64, &r::GetRepeatedUInt64));
    case pb::FieldDescriptor::CPPTYPE_FLOAT:
      return str(read(&r::GetFloat, &r::GetRepeatedFloat));
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return str(read(&r::GetDouble, &r::GetRepeatedDouble));
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return str(read(&r::GetBool, &r::GetRepeatedBool));
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return std::string(read(&r::GetEnum, &r::GetRepeatedEnum)->name());
    default:
      return read(&r::GetString, &r::GetRepeatedString);
  }
}

ODT_INLINE std::string default_text(const pb::Message& message, const pb::FieldDescriptor& field) {
  const pb::Message& empty = *pb::MessageFactory::generated_factory()->GetPrototype(message.GetDescriptor());
  return scalar_text(empty, field, -1);
}

/// Turns a message into settings, field by field.
class tree_builder {
 public:
  explicit tree_builder(const field_places& places) : places_(places) {}

  void fill(settings& node, const pb::Message& message) const {
    node.message = true;
    const pb::Descriptor& descriptor = *message.GetDescriptor();
    node.children.reserve(static_cast<std::size_t>(descriptor.field_count()));
    for (int i = 0; i < descriptor.field_count(); ++i) add(node, message, *descriptor.field(i));
  }

 private:
  void add(settings& parent, const pb::Message& message, const pb::FieldDescriptor& field) const {
    const pb::Reflection& access = *message.GetReflection();
    const int count = field.is_repeated() ? access.FieldSize(message, &field) : -1;
    settings& node = parent.children.emplace_back();
    node.name = field.name();
    node.path = parent.path.empty() ? node.name : str(parent.path, ".", node.name);
    node.set = field.is_repeated() ? count > 0 : access.HasField(message, &field);
    node.alternative = field.containing_oneof() != nullptr;
    node.place = node.set ? place_of(field.is_repeated() ? node.path + "[0]" : node.path, parent) : parent.place;
    const bool is_message = field.cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE;
    if (!field.is_repeated()) {
      if (is_message) return fill(node, access.GetMessage(message, &field));
      node.text = scalar_text(message, field, -1);
      node.fallback = node.set ? default_text(message, field) : node.text;
      return;
    }
    node.children.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      settings& element = node.children.emplace_back();
      element.name = str(i);
      element.path = str(node.path, "[", i, "]");
      element.set = true;
      element.place = place_of(element.path, node);
      is_message ? fill(element, access.GetRepeatedMessage(message, &field, i))
                 : void(element.text = scalar_text(message, field, i));
    }
  }

  std::string place_of(const std::string& path, const settings& around) const {
    const auto it = places_.find(path);
    return it == places_.end() ? around.place : it->second;
  }

  const field_places& places_;
};

}  // namespace detail::text_format

ODT_INLINE void merge_text(google::protobuf::Message& message, std::string_view text, std::string_view name,
                           field_places& places) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a byte order mark
  if (text.size() > std::size_t{1} << 26) fail(name, ": has ", text.size(), " bytes; that is no configuration");
  detail::text_format::parser parser(text, name, places);
  parser.fields(message, "", "", parser.current());
}

ODT_INLINE void set_field(google::protobuf::Message& message, std::string_view field, std::string_view value,
                          const std::string& path, std::string_view origin, field_places& places) {
  using descriptor = google::protobuf::FieldDescriptor;
  const descriptor* found = message.GetDescriptor()->FindFieldByName(std::string(field));
  if (!found) fail(origin, ": ", path, ": there is no such field");
  if (found->cpp_type() == descriptor::CPPTYPE_MESSAGE)
    fail(origin, ": ", path, ": is a message; name one of its fields");
  const google::protobuf::Reflection& access = *message.GetReflection();
  if (found->cpp_type() == descriptor::CPPTYPE_STRING) {
    found->is_repeated() ? access.AddString(&message, found, std::string(value))
                         : access.SetString(&message, found, std::string(value));
  } else {
    detail::text_format::parser(value, origin, places, false).only_value(message, *found, path);
  }
  places.insert_or_assign(path, std::string(origin));
}

ODT_INLINE settings settings_of(const google::protobuf::Message& message, const field_places& places,
                                std::string_view name) {
  settings root;
  root.place = name;
  root.set = root.read = true;
  detail::text_format::tree_builder(places).fill(root, message);
  return root;
}

}  // namespace odt
