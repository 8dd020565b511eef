// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/voc_xml.hpp>
#include <odt/io/file.hpp>

#include <pugixml.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <sstream>

namespace odt {

namespace detail::voc_xml {

/// A document and where its elements stand.
struct source {
  std::string_view text;
  const std::string& path;

  std::string place(std::ptrdiff_t offset) const {
    const auto end = text.begin() + std::clamp<std::ptrdiff_t>(offset, 0, static_cast<std::ptrdiff_t>(text.size()));
    return str(path, ":", 1 + std::count(text.begin(), end, '\n'));
  }
  std::string place(pugi::xml_node node) const { return place(node.offset_debug()); }
};

ODT_INLINE std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

ODT_INLINE std::optional<double> number(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

/// A side of a picture; 0 when it is not given as a positive whole number.
ODT_INLINE int side(pugi::xml_node size, const char* name) {
  const auto value = number(size.child_value(name));
  return value && *value >= 1 && *value <= 1e6 && *value == std::floor(*value) ? static_cast<int>(*value) : 0;
}

ODT_INLINE bool flag(pugi::xml_node object, const char* name) {
  const std::string_view value = trimmed(object.child_value(name));
  return value == "1" || value == "true" || value == "True";
}

ODT_INLINE annotated_object read_object(pugi::xml_node node, const source& file) {
  annotated_object object;
  object.place = file.place(node);
  object.name = trimmed(node.child_value("name"));
  if (object.name.empty()) fail(object.place, ": an object without <name>; each needs the name of its class");
  const pugi::xml_node bounds = node.child("bndbox");
  if (!bounds)
    fail(object.place, ": \"", object.name, "\" has no <bndbox>; write <xmin>, <ymin>, <xmax> and <ymax> within one");
  const auto read = [&](const char* name) {
    const pugi::xml_node child = bounds.child(name);
    if (!child) fail(file.place(bounds), ": \"", object.name, "\" has no <", name, ">; a box needs all four sides");
    const auto value = number(child.child_value());
    if (!value)
      fail(file.place(child), ": <", name, "> of \"", object.name, "\" is \"", child.child_value(),
           "\"; a number of pixels is needed");
    return *value;
  };
  object.bounds = {read("xmin"), read("ymin"), read("xmax"), read("ymax")};
  object.difficult = flag(node, "difficult");
  object.truncated = flag(node, "truncated");
  object.pose = trimmed(node.child_value("pose"));
  return object;
}

}  // namespace detail::voc_xml

ODT_INLINE annotation read_voc_xml(const std::string& path) { return parse_voc_xml(read_file(path), path); }

ODT_INLINE annotation parse_voc_xml(std::string_view text, const std::string& path) {
  const detail::voc_xml::source file{text, path};
  if (detail::voc_xml::trimmed(text).empty()) fail(path, ": the file is empty; it should hold <annotation>");
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(text.data(), text.size());
  if (!parsed) fail(file.place(parsed.offset), ": not well-formed XML: ", parsed.description());
  const pugi::xml_node root = document.child("annotation");
  if (!root)
    fail(file.place(document.document_element()), ": the outermost element is <", document.document_element().name(),
         ">; labels in PASCAL VOC's form have <annotation>");

  annotation result;
  result.path = path;
  result.filename = detail::last_part(detail::voc_xml::trimmed(root.child_value("filename")));
  const pugi::xml_node size = root.child("size");
  result.size = {detail::voc_xml::side(size, "height"), detail::voc_xml::side(size, "width")};
  if (result.size.height == 0 || result.size.width == 0) result.size = {};
  for (const pugi::xml_node node : root.children("object")) {
    try {
      result.objects.push_back(detail::voc_xml::read_object(node, file));
    } catch (const error& e) {
      result.problems.emplace_back(e.what());
    }
  }
  return result;
}

ODT_INLINE std::string voc_xml_text(const annotation& source) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("annotation");
  const auto add = [](pugi::xml_node parent, const char* name, const std::string& value) {
    parent.append_child(name).append_child(pugi::node_pcdata).set_value(value.c_str());
  };
  add(root, "folder", "images");
  add(root, "filename", source.filename);
  pugi::xml_node size = root.append_child("size");
  add(size, "width", str(source.size.width));
  add(size, "height", str(source.size.height));
  add(size, "depth", "3");
  add(root, "segmented", "0");
  for (const annotated_object& object : source.objects) {
    pugi::xml_node node = root.append_child("object");
    add(node, "name", object.name);
    add(node, "pose", object.pose.empty() ? "Unspecified" : object.pose);
    add(node, "truncated", str(int{object.truncated}));
    add(node, "difficult", str(int{object.difficult}));
    pugi::xml_node bounds = node.append_child("bndbox");
    const std::pair<const char*, double> sides[] = {{"xmin", object.bounds.xmin},
                                                    {"ymin", object.bounds.ymin},
                                                    {"xmax", object.bounds.xmax},
                                                    {"ymax", object.bounds.ymax}};
    for (const auto& [name, value] : sides) add(bounds, name, str(std::lround(value)));
  }
  std::ostringstream out;
  document.save(out, "\t", pugi::format_indent | pugi::format_no_declaration);
  return out.str();
}

}  // namespace odt
